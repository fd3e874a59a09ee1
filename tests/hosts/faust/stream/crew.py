"""Workers over topics of their own on the shared broker, and a stage that can be foretold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from aiokafka import AIOKafkaProducer
from msgspec import Struct

from pipeline.codec import decode
from pipeline.domain.raw import RawAlert
from pipeline.domain.stage import Context, TableSpec
from pipeline.engine import Agent
from pipeline.hosts.clock import Clock
from pipeline.hosts.faust.setting import Setting
from pipeline.hosts.faust.worker import Worker
from tests.hosts.faust.topics import make_topic, read_all
from tests.wait import wait_until_async

PARTITIONS = 4
ENGINE = ("dead-letters", "journal")


class Count(Struct, frozen=True):
    """How often a key was seen."""

    count: int


class Seen(Struct, frozen=True):
    """One output: the input, and the count of its key as it was then. A wake's input is `woken`."""

    key: str
    value: str
    count: int


COUNTS = TableSpec(name="counts", type=Count)


class Tally:
    """Counts inputs per key; `poison…` raises after all was done, `wake…` asks to be woken."""

    name = "tally"
    accepts = (RawAlert,)
    tables: tuple[TableSpec[Any], ...] = (COUNTS,)

    def __init__(self, out: str) -> None:
        self.out = out

    def process(self, event: RawAlert, ctx: Context) -> None:
        """Count and tell."""
        self._tell(event.key, event.value.decode(), ctx)
        if event.value.startswith(b"wake"):
            ctx.wake_at(event.key, ctx.now_ms + 1_000)
        if event.value.startswith(b"poison"):
            raise ValueError("poison")

    def wake(self, key: str, ctx: Context) -> None:
        """Count and tell that it was woken."""
        self._tell(key, "woken", ctx)

    def _tell(self, key: str, value: str, ctx: Context) -> None:
        table = ctx.table(COUNTS)
        before = table.get(key)
        count = Count(1 if before is None else before.count + 1)
        table.put(key, count)
        ctx.emit(self.out, key, Seen(key, value, count.count))


class Crew:
    """One application of one agent: its topics, and the slots that work on them, which reach the
    cluster by `options`; what writes and looks from outside always does so at `bootstrap`.
    """

    def __init__(self, bootstrap: str, app: str, folder: Path, *, is_made: bool = True) -> None:
        self.bootstrap, self.app, self.folder = bootstrap, app, folder
        self.options: Mapping[str, Any] = {"bootstrap_servers": bootstrap}
        self.reads, self.out = f"{app}-in", f"{app}-out"
        if is_made:
            for topic in (self.reads, self.out):
                make_topic(bootstrap, topic, PARTITIONS)
            changelog = f"{app}-tally-changelog"
            make_topic(bootstrap, changelog, PARTITIONS, {"cleanup.policy": "compact"})
            for topic in ENGINE:
                make_topic(bootstrap, topic, PARTITIONS, is_kept=True)

    @property
    def agent(self) -> Agent:
        """The agent: one stage."""
        return Agent(
            name="tally",
            stages=(Tally(self.out),),
            reads={self.reads: RawAlert},
            writes=(self.out,),
        )

    def setting(self, slot: str, store: Literal["rocksdb", "memory"] = "rocksdb") -> Setting:
        """The setting of one slot."""
        folder = self.folder / slot
        folder.mkdir(exist_ok=True)
        return Setting(
            app=self.app,
            options=self.options,
            folder=folder,
            slot_id=slot,
            store=store,
            session_timeout_ms=6_000,
            heartbeat_ms=500,
        )

    @asynccontextmanager
    async def working(
        self, slot: str = "one", store: Literal["rocksdb", "memory"] = "rocksdb"
    ) -> AsyncIterator[Worker]:
        """A worker of this slot, until the end of the block."""
        worker = Worker(self.setting(slot, store), [self.agent], Clock().now_ms)
        try:
            await worker.start()
            yield worker
        finally:
            await worker.stop()

    async def write(self, *records: tuple[str, str]) -> None:
        """Put (key, value) records on the agent's topic."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        await producer.start()
        try:
            for key, value in records:
                await producer.send(self.reads, value.encode(), key=key.encode())
            await producer.flush()
        finally:
            await producer.stop()

    async def outputs(self) -> list[Seen]:
        """All that is committed on the agent's output topic, by an independent reader."""
        found = await asyncio.to_thread(read_all, self.bootstrap, self.out)
        return [decode(Seen, message.value()) for message in found]

    async def wait_for(self, count: int, *, deadline_s: float = 90) -> list[Seen]:
        """The outputs, as soon as there are so many."""
        found: list[Seen] = []
        deadline = asyncio.get_running_loop().time() + deadline_s
        while len(found) < count:
            assert asyncio.get_running_loop().time() < deadline, f"{len(found)} of {count}"
            found = await self.outputs()
        return found


def tallies(found: list[Seen]) -> Mapping[str, list[int]]:
    """The counts told per key, in order."""
    told: dict[str, list[int]] = {}
    for seen in found:
        told.setdefault(seen.key, []).append(seen.count)
    return told


def is_exact(found: list[Seen]) -> bool:
    """Whether every key was told 1, 2, 3 … n: nothing lost, nothing twice, all in order."""
    return all(counts == list(range(1, len(counts) + 1)) for counts in tallies(found).values())


async def until_ended(worker: Worker, *, deadline_s: float = 90) -> BaseException | None:
    """What a worker that ends on its own ended with."""
    await wait_until_async(worker.ended.done, what="the worker ends", deadline_s=deadline_s)
    return worker.ended.exception()
