"""What is nobody's event's fault ends the worker, names what is amiss, and loses nothing."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.codec import decode
from pipeline.domain.errors import StoreError
from pipeline.domain.raw import RawAlert
from pipeline.domain.stage import Context
from pipeline.engine import Agent
from pipeline.hosts.clock import Clock
from pipeline.hosts.faust.client.errors import Fatal, Refused
from pipeline.hosts.faust.state.rocks import RocksStore
from pipeline.hosts.faust.worker import Worker
from pipeline.simulate.kafka import Node
from tests.hosts.faust.stream.crew import Crew, Seen, Tally, is_exact, until_ended
from tests.hosts.faust.topics import drop_topic
from tests.kafka import Broker, require_kafka
from tests.wait import wait_until_async

WAKES = 100_000 if os.environ.get("TOCSIN_CRASH") == "1" else 10_000
"""All of them take minutes: they belong to `make crash`."""
LATER_MS = 600_000
"""Twice as much is still within the hour that brokers let a record be ahead of their clock."""


def records(count: int, start: int = 0) -> list[tuple[str, str]]:
    return [(f"k{number % 7}", f"v{number}") for number in range(start, start + count)]


async def test_a_topic_that_is_deleted_under_a_worker_ends_it_and_is_named(
    broker: Broker, tmp_path: Path
) -> None:
    crew = Crew(broker.bootstrap, broker.new_name("gone"), tmp_path)
    async with crew.working() as worker:
        await crew.write(*records(10))
        await crew.wait_for(10)
        await asyncio.to_thread(drop_topic, crew.bootstrap, crew.out)
        await crew.write(*records(10, start=10))
        error = await until_ended(worker)
    assert isinstance(error, (Refused, Fatal))
    assert crew.out in str(error) or "no commit within" in str(error)


async def test_a_store_that_cannot_be_written_ends_the_worker_and_blames_no_event(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = Crew(broker.bootstrap, broker.new_name("disk"), tmp_path)
    async with crew.working() as worker:
        await crew.write(*records(10))
        await crew.wait_for(10)

        def write_at(*_: Any) -> None:
            raise StoreError("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(RocksStore, "write_at", write_at)
            await crew.write(*records(10, start=10))
            assert "the disk is full" in str(await until_ended(worker))
    await crew.write(*records(10, start=20))
    async with crew.working():
        assert is_exact(await crew.wait_for(30))


async def test_a_broker_that_goes_away_ends_the_worker_and_nothing_is_lost(tmp_path: Path) -> None:
    require_kafka()
    with Node(tmp_path / "kafka") as node:
        crew = Crew(node.bootstrap, "away", tmp_path)
        async with crew.working() as worker:
            await crew.write(*records(100))
            await crew.wait_for(100)
            await crew.write(*records(3_000, start=100))
            await asyncio.to_thread(node.kill)
            began_s = time.monotonic()
            await until_ended(worker, deadline_s=120)
            assert time.monotonic() - began_s < 60, "it says so and stops rather than runs"
            await asyncio.to_thread(node.resume)
        async with crew.working():
            assert is_exact(await crew.wait_for(3_100, deadline_s=120))


class Sleeper(Tally):
    """A Tally whose every event asks to be woken ten minutes later."""

    def process(self, event: RawAlert, ctx: Context) -> None:
        """As Tally, and wake me."""
        super().process(event, ctx)
        ctx.wake_at(event.value.decode(), ctx.now_ms + LATER_MS)


async def test_a_hundred_thousand_wakes_due_at_once_come_once_each(
    broker: Broker, tmp_path: Path
) -> None:
    crew = Crew(broker.bootstrap, broker.new_name("wakes"), tmp_path)
    agent = Agent(
        name="tally", stages=(Sleeper(crew.out),), reads={crew.reads: RawAlert}, writes=(crew.out,)
    )
    clock, ahead_ms, woken, largest = Clock(), [0], [0], [0]
    worker = Worker(crew.setting("one"), [agent], lambda: clock.now_ms() + ahead_ms[0])
    seen = [0]

    def count(epochs: Any, _took_s: float) -> None:
        for effects in epochs:
            values = [decode(Seen, output.value or b"").value for output in effects.outputs]
            seen[0] += len(values)
            woken[0] += values.count("woken")
            largest[0] = max(largest[0], values.count("woken"))

    worker.listeners.append(count)
    await worker.start()
    await crew.write(*[(f"k{number}", f"v{number}") for number in range(WAKES)])
    await wait_until_async(lambda: seen[0] == WAKES, what="all were read", deadline_s=180)
    ahead_ms[0] = 2 * LATER_MS
    await wait_until_async(lambda: woken[0] == WAKES, what="all were woken", deadline_s=180)
    await worker.stop()
    assert largest[0] <= 1_000
    assert not worker.ended.done()
    found = [one for one in await crew.outputs() if one.value == "woken"]
    assert len(found) == WAKES
    assert len({one.key for one in found}) == WAKES
