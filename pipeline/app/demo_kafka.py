"""The demo's home on Kafka: a node, an edge and a worker, all ended together.

Edge and worker meet in topics only, as everywhere; that both live in this process is for the
convenience of one Ctrl-C.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from pipeline.app.demo_embedded import KAFKA, clear
from pipeline.app.serve import KafkaEdge, OnKafka
from pipeline.app.working import Parts, Working, build, end
from pipeline.domain.errors import Busy
from pipeline.domain.secret import Secret
from pipeline.domain.store import Output
from pipeline.edge.deps import Deps
from pipeline.hosts.embedded.folder import Folder
from pipeline.hosts.faust.state.slot import Slot
from pipeline.observe.metrics import Metrics
from pipeline.simulate.kafka import Node
from pipeline.topology.apply import Control, apply, prospect
from pipeline.topology.declared import Topology

EXAMPLE: Final = Path(__file__).resolve().parents[2] / "infra" / "examples" / "consume.py"
KNOWN_WITHIN_S: Final = 20.0
POLL_S: Final = 0.02

Say = Callable[[str], None]
"""Tells a person what takes its time."""


class KafkaHome:
    """An edge and a worker on one node. It begins when the edge does, and ends with either."""

    def __init__(self, where: OnKafka, bootstrap: str) -> None:
        self._where = where
        self._bootstrap = bootstrap
        self._edge = KafkaEdge(where)
        self._parts: Parts | None = None
        self.folder: Folder | None = where.folder

    @property
    def hints(self) -> list[tuple[str, str]]:
        """How to look into its topics: in a checkout by the example of a consumer."""
        if not EXAMPLE.exists():
            return []
        program = f"{os.path.relpath(sys.executable)} {os.path.relpath(EXAMPLE)}"
        reader = f"{program} --bootstrap {self._bootstrap} incidents"
        return [(reader, "the topic that consumers downstream read")]

    async def start(self) -> None:
        """Start both; when this returns, each agent has its partitions."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._edge.start()
        try:
            self._slot = Slot.any(self._where.folder.path)
            self._parts = build(self._working(), self._edge.clock, Metrics())
            await self._parts.worker.start()
        except BaseException:
            await self.stop()
            raise
        for part in (self._edge.ended, self._parts.worker.ended):
            part.add_done_callback(self._end)

    async def stop(self) -> None:
        """The worker first, so that the edge shows what it did last."""
        parts, self._parts = self._parts, None
        if parts is not None:
            await end(parts, is_leaving=False)
            self._slot.close()
        await self._edge.stop()

    async def reload(self, topology: Topology, text: str) -> None:
        """As the edge does it."""
        await self._edge.reload(topology, text)

    def deps(self, token: Secret | None) -> Deps:
        """The edge's."""
        return self._edge.deps(token)

    async def know(self, records: Iterable[Output]) -> None:
        """Append, and wait until the worker has read it: topics keep no order between them.

        Raises Busy where it does not come to that.
        """
        awaited = list(records)
        await self.deps(None).appender.append(awaited)
        clock = asyncio.get_running_loop().time
        give_up_at_s = clock() + KNOWN_WITHIN_S
        while not all(self._knows(record) for record in awaited):
            if clock() > give_up_at_s:
                raise Busy("the worker does not take in what it was told")
            await asyncio.sleep(POLL_S)

    def _knows(self, record: Output) -> bool:
        return self._parts is not None and record.key in self._parts.worker.globals.view(
            record.topic
        )

    def _working(self) -> Working:
        return Working(
            topology=self._where.topology,
            options=self._where.options,
            control=self._where.control,
            slot=self._slot,
            events_url=self._where.events_url,
        )

    def _end(self, part: asyncio.Future[None]) -> None:
        if self.ended.done() or part.cancelled():
            return
        error = part.exception()
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)


@asynccontextmanager
async def kafka_home(
    folder: Path, say: Say, topology: Topology, text: str, events_url: str
) -> AsyncIterator[KafkaHome]:
    """A home over a folder that is cleared first, on a node that lives as long as it does.

    Raises Busy while a demo runs there, NotInstalled where Java or Maven lack, NodeFailed.
    """
    clear(folder)
    say("starting Kafka …")
    async with _running(Node(folder / KAFKA), say) as node:
        options = {"bootstrap_servers": node.bootstrap}
        say(f"Kafka answers at {node.bootstrap}; making its topics …")
        control = await _applied(options, topology, text)
        where = OnKafka(
            topology=topology,
            options=options,
            control=control,
            folder=Folder(folder),
            events_url=events_url,
        )
        say("starting the edge and the agents …")
        yield KafkaHome(where, node.bootstrap)


@asynccontextmanager
async def _running(node: Node, say: Say) -> AsyncIterator[Node]:
    """A node that is stopped whatever happens, also when it is interrupted while it starts."""
    starting = asyncio.ensure_future(asyncio.to_thread(node.start, say))
    try:
        await asyncio.shield(starting)
        yield node
    finally:
        await asyncio.wait([starting])
        await asyncio.to_thread(node.close)


async def _applied(options: dict[str, str], topology: Topology, text: str) -> Control:
    """Apply a topology to a node that is alone."""
    found = await prospect(options, topology, replication=1)
    return await apply(options, topology, text, found.actions, replication=1)
