"""A local Apache Kafka, one node or three, for development, the demo and tests.

    with Node(folder) as node:              # `async with` does the same beside a running event loop
        node.bootstrap                      # "127.0.0.1:<port>", ports are the kernel's choice
        node.kill(); node.resume()          # kill -9, then the same ports and the same files

Every method that waits blocks; from a coroutine call it as `await asyncio.to_thread(node.resume)`.
The jars come from Maven once (`jars`), what a node listens on is said by `listeners`.
"""

from pipeline.simulate.kafka.jars import NotInstalled, fetch_jars
from pipeline.simulate.kafka.listeners import Listener
from pipeline.simulate.kafka.node import Node, NodeFailed
from pipeline.simulate.kafka.quorum import Quorum
from pipeline.simulate.kafka.tls import Certificates

__all__ = [
    "Certificates",
    "Listener",
    "Node",
    "NodeFailed",
    "NotInstalled",
    "Quorum",
    "fetch_jars",
]
