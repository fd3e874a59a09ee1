"""The loop of epochs over ports that fail as brokers do: it goes on or ends, and never idles."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from pipeline.domain.errors import StoreError
from pipeline.domain.raw import RawAlert
from pipeline.domain.record import Record
from pipeline.engine import Agent, Task
from pipeline.hosts.faust.client.errors import Abortable, Fenced, Late, StaleGeneration
from pipeline.hosts.faust.state.crashes import Advice
from pipeline.hosts.faust.state.memory import ChangelogMemory
from pipeline.hosts.faust.stream import batches as cutting
from pipeline.hosts.faust.stream import epochs as looping
from pipeline.hosts.faust.stream.epochs import Epochs
from pipeline.hosts.faust.stream.hosted import Batch, Hosted
from tests.hosts.faust.stream.crew import Tally
from tests.wait import wait_until_async

AGENT = Agent(name="tally", stages=(Tally("out"),), reads={"in": RawAlert}, writes=("out",))


def record(offset: int, value: str = "v", partition: int = 0) -> Record:
    return Record(
        topic="in",
        partition=partition,
        offset=offset,
        key="k",
        value=value.encode(),
        timestamp_ms=1_000,
    )


class Ports:
    """What is fetched is given; what a commit comes to is scripted, and then it is committed."""

    def __init__(self, records: Sequence[Any], *ends: Callable[[], Any]) -> None:
        self.log = {n: [r for r in records if r.partition == n] for n in range(8)}
        self.ends = list(ends)
        self.number = 1
        self.at = dict.fromkeys(self.log, 0)
        self.values: list[str] = []
        self.sizes: list[int] = []
        self.hosted: Mapping[int, Hosted] = {}

    def assignment_number(self) -> int:
        return self.number

    async def fetch(self, limit: int, within_s: float) -> tuple[int, Mapping[Any, Sequence[Any]]]:
        found = {
            TopicPartition("in", n): log[self.at[n] :]
            for n, log in self.log.items()
            if log[self.at[n] :]
        }
        for place, some in found.items():
            self.at[place.partition] += len(some)
        if not found:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), within_s)
        return self.number, found

    async def deliver(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            batch.run()

    async def commit(self, batches: Sequence[Batch]) -> None:
        if self.ends:
            await self.ends.pop(0)()
        self.sizes.append(len(batches))
        for batch in batches:
            batch.hosted.store.write(batch.ran.changes, batch.ran.checkpoint)
            batch.committed()
            self.values += [(one.value or b"").decode() for one in batch.records]

    async def rewind(self, number: int) -> int:
        self.at = {n: self.at[n] and self.hosted[n].following["in"] for n in self.at}
        self.number += 1
        return self.number

    def prepare(self) -> None:
        pass


def hosted(partition: int = 0, following: int = 0) -> Hosted:
    store = ChangelogMemory()
    return Hosted(Task(AGENT, partition, store), store, {"in": following})


def raising(error: Exception) -> Callable[[], Any]:
    async def end() -> None:
        raise error

    return end


@asynccontextmanager
async def looped(
    ports: Ports, *tasks: Hosted, timeout_s: float = 5.0
) -> AsyncIterator[tuple[Epochs, asyncio.Task[None]]]:
    epochs = Epochs(ports, lambda: 5_000, timeout_s)
    ports.hosted = {task.partition: task for task in tasks}
    epochs.resume(dict(ports.hosted), ports.number)
    running = asyncio.create_task(epochs.run(lambda: False))
    try:
        yield epochs, running
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await running


async def test_an_aborted_epoch_is_run_again() -> None:
    ports = Ports([record(n, f"v{n}") for n in range(3)], *[raising(Abortable("not now"))] * 3)
    async with looped(ports, hosted()):
        await wait_until_async(lambda: len(ports.values) == 3, what="it is committed")
    assert ports.values == ["v0", "v1", "v2"]


async def test_who_is_aborted_for_ever_says_so_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looping, "PAUSE_S_MAX", 0.0)
    ports = Ports([record(0)], *[raising(Abortable("never"))] * 1_000)
    async with looped(ports, hosted()) as (_, running):
        await wait_until_async(running.done, what="the loop ends")
        with pytest.raises(Abortable, match="never"):
            await running


async def test_who_is_not_asked_to_join_again_ends() -> None:
    ports = Ports([record(0)], raising(StaleGeneration("gone on")))
    async with looped(ports, hosted(), timeout_s=0.1) as (_, running):
        await wait_until_async(running.done, what="the loop ends")
        with pytest.raises(Fenced, match="asked it for nothing"):
            await running


async def test_a_takeover_may_take_longer_than_the_wait_for_it() -> None:
    ports = Ports([record(0)], raising(StaleGeneration("gone on")))
    async with looped(ports, hosted(), timeout_s=0.2) as (epochs, running):
        await wait_until_async(lambda: not epochs._flow.is_set(), what="it was refused")
        async with epochs.quiet():  # it joins again, and restores for long
            pass
        await asyncio.wait([running], timeout=1.5)
        assert not running.done()
        ports.at[0] = 0
        epochs.resume({0: hosted()}, ports.number)
        await wait_until_async(lambda: ports.values == ["v"], what="it goes on")


async def test_an_epoch_that_takes_too_long_says_so() -> None:
    ports = Ports([record(0)], asyncio.Event().wait)
    async with looped(ports, hosted(), timeout_s=0.1) as (_, running):
        await wait_until_async(running.done, what="the loop ends")
        with pytest.raises(Late, match=r"1 records was not committed within 0\.1 s"):
            await running


async def test_what_was_read_is_never_read_again() -> None:
    ports = Ports([record(3)])
    async with looped(ports, hosted(following=7)) as (_, running):
        await wait_until_async(running.done, what="the loop ends")
        with pytest.raises(
            StoreError, match="in-0 gives offset 3, and tally-0 has read it up to 7"
        ):
            await running
    assert ports.values == []


async def test_who_finds_no_time_left_has_the_next_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "EPOCH_CPU_US_MAX", 0.001)
    ports = Ports([record(n, f"{p}:{n}", p) for p in range(3) for n in range(4)])
    tasks = [hosted(partition) for partition in range(3)]
    async with looped(ports, *tasks):
        await wait_until_async(lambda: len(ports.values) == 12, what="all is committed")
    assert ports.sizes == [1, 1, 1], "one task an epoch"
    assert ports.values == [f"{p}:{n}" for p in range(3) for n in range(4)]


class Book:
    """A crash book that remembers what was noted."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    def advice(self, task: str, offsets: Mapping[str, int]) -> Any:
        return Advice("single")

    def begin(self, task: str, offsets: Mapping[str, int], event: str = "") -> None:
        self.begun.append(event)

    def end(self, task: str) -> None:
        pass

    def buried(self, task: str) -> None:
        pass


async def test_a_wake_that_runs_well_does_not_clear_the_event_after_it() -> None:
    one, book = hosted(), Book()
    woken = one.task.run([record(0, "wake")], 1_000)
    one.store.write(woken.changes, woken.checkpoint)
    one.task.committed()
    one.following["in"], one.crashes = 1, book
    ports = Ports([record(0), record(1)])
    ports.at[0] = 1
    async with looped(ports, one):
        await wait_until_async(lambda: "v" in ports.values, what="the event ran")
    assert book.begun == ["in:0:1"], "the wake, which is due first, is not noted"
