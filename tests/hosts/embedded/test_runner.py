"""The runner: an append returns after its commit; faults are answered, never swallowed."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from pipeline.codec import encode
from pipeline.domain.call import CallResult
from pipeline.domain.errors import Busy
from pipeline.domain.sink import Delivered
from pipeline.domain.store import Output
from pipeline.hosts.embedded.runner import WAITING_MAX, Runner
from tests.engine.toys import alert
from tests.hosts.embedded.test_host import World, outputs
from tests.wait import wait_until_async


def clock() -> int:
    return time.time_ns() // 1_000_000


async def test_an_append_returns_when_it_is_committed(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    world = World(path)
    runner = Runner(world.host, clock)
    runner.start()
    positions = await runner.append(outputs("a", "b"))
    assert positions == [("first", 0, 0), ("first", 0, 1)]
    count = world.connection.execute("SELECT count(*) FROM log_1").fetchone()[0]
    assert count == 2
    await runner.stop()


async def test_many_requests_share_commits_and_each_gets_its_own_positions() -> None:
    world = World()
    runner = Runner(world.host, clock)
    calls = [asyncio.create_task(runner.append(outputs(f"k{n}"))) for n in range(200)]
    await asyncio.sleep(0)
    runner.start()
    positions = [(await call)[0][2] for call in calls]
    assert sorted(positions) == list(range(200))
    assert world.host.tasks()[0].checkpoint.epoch < 20
    await runner.stop()


async def test_a_full_queue_is_refused_and_nothing_of_it_accepted() -> None:
    world = World()
    runner = Runner(world.host, clock)
    first = asyncio.create_task(runner.append(outputs(*["a"] * WAITING_MAX)))
    await asyncio.sleep(0)
    with pytest.raises(Busy, match="wait for their commit"):
        await runner.append(outputs("b"))
    runner.start()
    assert len(await first) == WAITING_MAX
    await runner.stop()


async def test_stopping_answers_who_waits_and_refuses_who_comes_later() -> None:
    world = World()
    runner = Runner(world.host, clock)
    call = asyncio.create_task(runner.append(outputs("a")))
    await asyncio.sleep(0)
    runner.start()
    await runner.stop()
    assert len(await call) == 1
    with pytest.raises(Busy, match="stopping"):
        await runner.append(outputs("a"))
    await runner.ended


async def test_a_due_wake_runs_without_any_input() -> None:
    world = World()
    world.now_ms = clock()
    runner = Runner(world.host, clock)
    runner.start()
    wish = encode(alert("wake-a", starts_at_ms=1))
    await runner.append([Output(topic="first", key="a", value=wish)])
    await wait_until_async(lambda: bool(world.first.woken), what="the wake ran")
    await runner.stop()
    assert [key for key, _ in world.first.woken] == ["wake-a"]


async def test_a_dead_loop_is_told() -> None:
    world = World()
    runner = Runner(world.host, clock)
    world.host.step = None  # type: ignore[assignment,method-assign]
    call = asyncio.create_task(runner.append(outputs("a")))
    await asyncio.sleep(0)
    runner.start()
    with pytest.raises(Busy):
        await call
    with pytest.raises(TypeError):
        await runner.ended


async def test_who_comes_after_the_loop_died_is_refused_and_never_left_waiting() -> None:
    world = World()
    runner = Runner(world.host, clock)
    world.host.step = None  # type: ignore[assignment,method-assign]
    runner.start()
    with pytest.raises(TypeError):
        await asyncio.wait_for(asyncio.shield(runner.ended), 20)
    with pytest.raises(Busy):
        await asyncio.wait_for(runner.append(outputs("a")), 5)
    with pytest.raises(Busy):
        await asyncio.wait_for(runner.between_epochs(lambda: None), 5)


async def test_who_waits_while_the_loop_dies_is_refused() -> None:
    world = World()
    runner = Runner(world.host, clock)
    late: list[asyncio.Task[object]] = []
    reached, go_on = threading.Event(), threading.Event()

    def dies(_outputs: object) -> None:
        reached.set()
        go_on.wait(20)
        raise TypeError("a bug")

    world.host.step = dies  # type: ignore[assignment,method-assign]
    runner.start()
    await asyncio.to_thread(reached.wait, 20)
    late.append(asyncio.create_task(runner.append(outputs("a"))))
    late.append(asyncio.create_task(runner.between_epochs(lambda: None)))
    await asyncio.sleep(0)
    go_on.set()
    for one in late:
        with pytest.raises(Busy):
            await asyncio.wait_for(one, 5)


async def test_stopping_commits_every_result_that_was_brought_back() -> None:
    world = World()
    runner = Runner(world.host, clock)
    for n in range(5_000):
        runner.inject("two-0", CallResult(key=f"k{n}", attempt=1, delivered=Delivered(ref="r")))
    runner.start()
    await runner.stop()
    assert world.counts(1) == {"CallResult": 5_000}


async def test_stopping_does_not_wait_for_a_disk_that_takes_nothing() -> None:
    world = World()
    runner = Runner(world.host, clock)

    def full(_outputs: object) -> None:
        raise Busy("the disk is full")

    world.host.step = full  # type: ignore[assignment,method-assign]
    runner.inject("two-0", CallResult(key="k", attempt=1, delivered=Delivered(ref="r")))
    runner.start()
    await asyncio.wait_for(runner.stop(), 20)
    assert "the disk is full" in runner.fault
