"""A local Kafka as a process of its own: until Ctrl-C, SIGTERM, or the end of Kafka itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pipeline.simulate.kafka.jars import Say
from pipeline.simulate.kafka.node import Node, NodeFailed
from pipeline.simulate.kafka.place import Running, held

POLL_S: Final = 0.2


def serve(folder: Path, *, port: int, say: Say, ready: Callable[[str], None]) -> None:
    """Run a node with this folder; `ready` is called with its HOST:PORT when it answers.

    Raises Busy where the port or the folder is taken, NotInstalled, and NodeFailed also when
    Kafka ends by itself.
    """
    # SIGTERM comes as Ctrl-C does: the node is stopped on the way out, in whatever state it is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with held(folder) as place, Node(folder, port=port) as node:
            place.say(Running(os.getpid(), node.bootstrap))
            ready(node.bootstrap)
            while node.is_running:
                time.sleep(POLL_S)
            raise NodeFailed(f"Kafka ended by itself: see {node.log}")
    except KeyboardInterrupt:
        say("Kafka has stopped")
