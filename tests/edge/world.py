"""A whole Tocsin behind real HTTP: the embedded host on a file, its runner, the edge on port 0."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from msgspec.structs import replace

from pipeline.app import compose as app
from pipeline.codec import decode
from pipeline.domain.call import CallResult
from pipeline.domain.record import Record
from pipeline.domain.secret import Secret
from pipeline.domain.sink import Delivered
from pipeline.domain.store import Appender, Output
from pipeline.edge.deps import Deps
from pipeline.edge.server import build, serve
from pipeline.edge.view import View
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.host import EmbeddedHost
from pipeline.hosts.embedded.log import SqliteLog
from pipeline.hosts.embedded.runner import Runner
from pipeline.topology.builtin import GLOBALS
from pipeline.topology.declared import Topology
from pipeline.topology.load import load

TOPOLOGY = """
receivers:
  on-call: {sink: pagerduty, routing_key: "env:KEY"}
routes: {receiver: on-call}
ingest:
  sources:
    plain:
      each: $.items
      fields: {name: $.title, status: $.state, labels.team: $.team}
"""
INSTALLATION = "abcd1234"


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def topology(text: str = TOPOLOGY) -> Topology:
    return load(text, "topology.yaml", lambda _: Secret("0" * 32))


class Reader(SqliteLog):
    """A log as another connection sees it: only what is committed, always up to now."""

    def read(self, topic: str, partition: int, offset: int, limit: int) -> Sequence[Record]:
        self.refresh()
        return super().read(topic, partition, offset, limit)


class World:
    """One running Tocsin. Every call to a receiver is delivered at once; `calls` counts them."""

    def __init__(self, path: Path, declared: Topology) -> None:
        self.topology = declared
        self.types = app.event_types(declared)
        self.path = str(path / "tocsin.db")
        self.calls: list[Any] = []
        wires = app.wiring(declared, INSTALLATION, slot="test")
        self.host = EmbeddedHost(
            connect(self.path),
            app.agents(declared, wires),
            topics=self.types,
            globals_={name: self.types[name] for name in GLOBALS if name in self.types},
            now_ms=wall_ms,
        )
        self.runner = Runner(self.host, wall_ms)
        self.host.watch("outbox", self._call)
        self.log = Reader(connect(self.path, is_reader=True))
        self.view = View(
            Reader(connect(self.path, is_reader=True)), path / "view.db", identity=INSTALLATION
        )
        self.runner.on_commit(self.view.nudge)
        self.url = ""
        self.client: httpx.AsyncClient

    def _call(self, task: str, rows: Mapping[str, Any]) -> None:
        for key, entry in rows.items():
            if entry is not None and entry.state == "calling":
                self.calls.append(entry)
                result = CallResult(
                    key=key, attempt=entry.attempt, delivered=Delivered(ref=key, status=202)
                )
                self.runner.inject(task, result)

    def records(self, topic: str) -> list[Record]:
        """What is committed on a topic, from its beginning."""
        return list(self.log.read(topic, 0, 0, 100_000))

    def events(self, topic: str) -> list[Any]:
        """The same, decoded; None is a tombstone."""
        kind = self.types[topic]
        return [None if r.value is None else decode(kind, r.value) for r in self.records(topic)]


class Refusing:
    """An appender that takes nothing: the disk is full, or the database locked."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def append(self, outputs: Iterable[Output]) -> Sequence[tuple[str, int, int]]:
        raise self.error


@contextlib.asynccontextmanager
async def running(
    path: Path,
    text: str = TOPOLOGY,
    stopping: asyncio.Event | None = None,
    appender: Callable[[World], Appender] = lambda world: world.runner,
    **changes: Any,
) -> AsyncIterator[World]:
    """A World that serves until `stopping`, or to the end; `changes` replace fields of its Deps."""
    world = World(path, topology(text))
    world.runner.start()
    world.view.start()
    deps = replace(
        Deps(
            appender=appender(world),
            now_ms=wall_ms,
            ingest=world.topology.sections["ingest"],
            installation=INSTALLATION,
            view=world.view,
            topology=world.topology,
        ),
        **changes,
    )
    stopping = stopping or asyncio.Event()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(build(deps), "127.0.0.1", 0, ready.set_result, stopping))
    await asyncio.wait((ready, serving), return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
    world.url = ready.result()
    try:
        async with httpx.AsyncClient(base_url=world.url, trust_env=False, timeout=30) as client:
            world.client = client
            yield world
    finally:
        stopping.set()
        await serving
        await world.runner.stop()
        await world.view.stop()
