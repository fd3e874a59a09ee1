"""Worlds that move: the embedded host over a folder, and the Kafka host that goes on from it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pipeline.app import compose
from pipeline.app.moving import Cluster, Move, Outcome, move_all
from pipeline.domain.secret import Secret
from pipeline.engine import Agent
from pipeline.hosts.embedded import rules
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.driver import START_MS, Answer, Driver, delivered
from pipeline.hosts.embedded.folder import Folder, installation
from pipeline.hosts.embedded.host import EmbeddedHost
from pipeline.hosts.faust.state.changelog import CHECKPOINT_KEY, split_key
from pipeline.topology.declared import Topology
from pipeline.topology.desired import changelog_topic
from pipeline.topology.load import load
from tests.hosts.faust.differential.copied import Copied, Copying, copy
from tests.hosts.faust.differential.driver import KafkaDriver
from tests.hosts.faust.differential.feeding import Feeding

ROUTING_KEY = "d" * 32

Row = tuple[str, str]
"""(table, key)."""


def topology_of(text: str) -> Topology:
    """What a file declares, with a secret for whatever asks for one."""
    return load(text, "a test", lambda _: Secret(ROUTING_KEY))


class OnDisk(Driver):
    """The embedded host in a data folder, with a clock moved by hand. `close` lets go of it."""

    def __init__(
        self,
        folder: Path,
        text: str,
        answer: Answer = delivered,
        start_ms: int = START_MS,
        slot: str = "disk",
    ) -> None:
        self.topology = topology_of(text)
        self.folder = Folder(folder)
        self.folder.acquire()
        self._connection = connect(self.folder.database)
        self.installation = installation(self._connection)
        rules.keep(self._connection, self.topology.hash, text)
        self.now_ms = start_ms
        self.answer = answer
        self._slot = slot
        self.calls = []
        self._types = compose.event_types(self.topology)
        self._pending = []
        self._offsets = {}
        known = compose.global_topics(self.topology)
        self.host = EmbeddedHost(
            self._connection,
            self.agents(slot),
            topics=self._types,
            globals_={name: self._types[name] for name in known},
            now_ms=lambda: self.now_ms,
        )
        self.host.watch("outbox", self._call)

    def agents(self, slot: str) -> list[Agent]:
        """The agents of one run of the worker."""
        wires = compose.wiring(self.topology, self.installation, slot=slot)
        return compose.agents(self.topology, wires)

    def _call(self, task: str, rows: Mapping[str, Any]) -> None:
        """Perform the calls of this run; those of a former one are the stage's to repeat."""
        mine = {key: row for key, row in rows.items() if row and row.slot == self._slot}
        super()._call(task, mine)

    def rows(self) -> dict[Row, bytes]:
        """Every row of every task, timers included."""
        return {
            (table, key): value
            for task, table, key, value in self._connection.execute(
                "SELECT task, name, key, value FROM state JOIN state_tables ON tid = id"
            )
        }

    def close(self) -> None:
        """Stop, as a process that ends."""
        self._connection.close()
        self.folder.release()


class After(KafkaDriver):
    """A worker on Kafka over topics that are there already, from where its state says."""

    def __enter__(self) -> Self:
        scene = self._scene
        topics = list(compose.event_types(scene.topology))
        bootstrap = scene.place.bootstrap
        self.copying = Copying(bootstrap, topics)
        for (topic, number), records in self.copying.catch_up().records.items():
            if records:
                self._ends.reaches((topic, number), records[-1].offset + 1)
        self.feeding = Feeding(bootstrap, self._ends.landed)
        self._watching.__enter__()
        scene.loop.run(self._start())
        self.settle()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the groups, so that they are empty at once."""
        try:
            self._scene.loop.run(self.worker.stop(is_leaving=True))
        finally:
            self._watching.__exit__(None, None, None)
            self.copying.close()


def state_on(bootstrap: str, topology: Topology) -> dict[Row, tuple[str, int, bytes]]:
    """Every row of every changelog: (agent, partition, value) by (table, key)."""
    found: dict[Row, tuple[str, int, bytes]] = {}
    for agent in topology.agents:
        topic = changelog_topic(topology.app, agent)
        for (_, number), records in _read(bootstrap, topic).items():
            latest: dict[str, bytes | None] = {}
            for record in records:
                latest[record.key] = record.value
            for raw, value in latest.items():
                if raw.encode() != CHECKPOINT_KEY and value is not None:
                    table, key = split_key(raw.encode())
                    row = (table, key.decode())
                    assert row not in found, f"{row} stands twice"
                    found[row] = (agent, number, value)
    return found


def _read(bootstrap: str, topic: str) -> dict[tuple[str, int], list[Any]]:
    log: Copied = copy(bootstrap, [topic])
    return log.records


def partition_of_row(routing: Any, row: Row) -> tuple[str, int]:
    """Where the routing says that a row belongs."""
    home = routing.home(*row)
    return home.agent, home.partition


def migrate(
    source: Path | Cluster, bootstrap: str, text: str, *, is_with_history: bool = False
) -> Outcome:
    """Carry everything, as the command does."""
    move = Move(
        source=source,
        options={"bootstrap_servers": bootstrap},
        topology=topology_of(text),
        text=text,
        is_with_history=is_with_history,
    )
    return asyncio.run(move_all(move, lambda _: True))
