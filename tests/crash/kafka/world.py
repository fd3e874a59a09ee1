"""World: a broker behind proxies, the topics of a run, workers, and a producer that feeds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Self

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from msgspec.structs import replace

from pipeline.simulate.kafka import Listener, Node, Quorum
from tests.crash.kafka.crew import Crew, Member
from tests.crash.kafka.disk import SmallDisk
from tests.crash.kafka.feed import Feed
from tests.crash.kafka.proxy import Proxies
from tests.crash.kafka.reading import Broker, Watching
from tests.crash.kafka.start import Start
from tests.crash.kafka.verdict import flows, topics

APP: Final = "crash"
CHAOS: Final = "CHAOS"
"""The listener that advertises the proxy's port: workers find the broker nowhere else."""


class World:
    """One run's cluster and workers, in a folder. `with` ends all of it."""

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int = 1,
        partitions: int = 4,
        session_timeout_ms: int = 6_000,
        disk_of: int = 0,
    ) -> None:
        """`disk_of` workers share a small disk of their own (0: they have the machine's)."""
        self.folder = folder
        self.partitions = partitions
        self.session_timeout_ms = session_timeout_ms
        self.proxies = Proxies()
        listening = [self.proxies.listen() for _ in range(nodes)]
        made = [Listener(CHAOS, advertised_port=port) for _, port in listening]
        self._cluster: Node | Quorum
        if nodes == 1:
            node = Node(folder / "kafka", listeners=made)
            self._cluster, self.nodes = node, [node]
        else:
            quorum = Quorum(folder / "kafka", listeners=lambda number: [made[number - 1]])
            self._cluster, self.nodes = quorum, list(quorum.nodes.values())
        for (proxy, _), node in zip(listening, self.nodes, strict=True):
            proxy.upstream = ("127.0.0.1", node.ports[CHAOS])
        self.worker_bootstrap = ",".join(f"127.0.0.1:{port}" for _, port in listening)
        self.crew = Crew(folder)
        self.feed: Feed | None = None
        self.disk: SmallDisk | None = None
        if disk_of and SmallDisk.is_possible():
            self.disk = SmallDisk(folder / "slots", disk_of)

    def __enter__(self) -> Self:
        try:
            self._cluster.start()
            self._make_topics()
        except BaseException:
            self.__exit__()
            raise
        self.broker = Broker(self.bootstrap)
        return self

    def __exit__(self, *_: object) -> None:
        if self.feed is not None:
            self.feed.end()
        self.crew.end()
        if self.disk is not None:
            self.disk.close()
        self.proxies.close()
        self._cluster.close()

    @property
    def bootstrap(self) -> str:
        """Past the proxies: for the oracle and the producer of the input."""
        return ",".join(node.bootstrap for node in self.nodes)

    def _make_topics(self) -> None:
        changelogs = {flow.changelog for flow in flows(APP)}
        copies = 3 if len(self.nodes) > 1 else 1
        control = f"{APP}-topology"
        made = [
            NewTopic(
                name,
                1 if name == control else self.partitions,
                copies,
                config={
                    "cleanup.policy": "compact"
                    if name in changelogs or name == control
                    else "delete",
                    "max.message.bytes": "50000000",
                },
            )
            for name in (*topics(APP), control)
        ]
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        for future in admin.create_topics(made).values():
            future.result(30)

    def start_of(self, name: str) -> Start:
        """What a worker of this run is told."""
        return Start(
            bootstrap=self.worker_bootstrap,
            app=APP,
            name=name,
            folder=str(self.folder / "slots" / name),
            session_timeout_ms=self.session_timeout_ms,
            jump=str(self.jump_of(name)),
        )

    def jump_of(self, name: str) -> Path:
        """The file that says how far a worker's wall clock is off."""
        return self.folder / f"{name}.jump"

    def add_worker(self, name: str, **told: Any) -> Member:
        """Start a worker, with whatever differs in its Start."""
        return self.crew.add(replace(self.start_of(name), **told))

    def watch(self) -> Watching:
        """Begin to read everything that is committed."""
        return Watching(
            self.bootstrap, topics(APP), {flow.group: flow.source for flow in flows(APP)}
        )
