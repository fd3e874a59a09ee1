"""A worker on a real broker: exact over restarts, rebalances, poison and wakes."""

import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.call import CallResult
from pipeline.domain.errors import EpochRefused, UsageError
from pipeline.domain.raw import RawAlert
from pipeline.hosts.clock import Clock
from pipeline.hosts.faust.client.errors import UnknownTopic
from pipeline.hosts.faust.worker import Worker
from tests.hosts.faust.stream.crew import PARTITIONS, Crew, is_exact, tallies, until_ended
from tests.hosts.faust.topics import make_topic
from tests.kafka import Broker
from tests.wait import wait_until_async


def records(count: int, start: int = 0, keys: int = 7) -> list[tuple[str, str]]:
    return [(f"k{number % keys}", f"v{number}") for number in range(start, start + count)]


@pytest.fixture
def crew(broker: Broker, tmp_path: Path) -> Crew:
    return Crew(broker.bootstrap, broker.new_name("crew"), tmp_path)


@pytest.mark.parametrize("store", ["rocksdb", "memory"])
async def test_a_restart_goes_on_where_the_last_commit_ended(crew: Crew, store: str) -> None:
    await crew.write(*records(500))
    async with crew.working(store=store):  # type: ignore[arg-type]
        assert is_exact(await crew.wait_for(500))
    await crew.write(*records(500, start=500))
    async with crew.working(store=store):  # type: ignore[arg-type]
        found = await crew.wait_for(1_000)
    assert is_exact(found)
    assert sorted(seen.value for seen in found) == sorted(value for _, value in records(1_000))


async def test_another_slot_without_its_disk_has_the_same_state(crew: Crew) -> None:
    await crew.write(*records(300))
    async with crew.working("one"):
        await crew.wait_for(300)
    await crew.write(*records(300, start=300))
    async with crew.working("two"):
        assert is_exact(await crew.wait_for(600))


async def test_two_workers_share_the_partitions_and_lose_nothing_on_the_way(crew: Crew) -> None:
    await crew.write(*records(2_000))
    async with crew.working("one") as one:
        async with crew.working("two") as two:
            await wait_until_async(
                lambda: (
                    len(one.apps["tally"].epochs.tasks) == PARTITIONS // 2
                    and len(two.apps["tally"].epochs.tasks) == PARTITIONS // 2
                ),
                what="each has half of the partitions",
            )
            await crew.write(*records(2_000, start=2_000))
            await crew.wait_for(4_000)
        await crew.write(*records(500, start=4_000))
        found = await crew.wait_for(4_500)
    assert is_exact(found)


async def test_each_app_has_a_producer_of_its_own(crew: Crew, tmp_path: Path) -> None:
    other = Crew(crew.bootstrap, f"{crew.app}-other", tmp_path / "other", is_made=False)
    other.reads, other.out = crew.reads, crew.out
    async with crew.working("one") as one, crew.working("two") as two:
        first, second = (worker.apps["tally"] for worker in (one, two))
        assert first.producer.epochs is not second.producer.epochs  # type: ignore[attr-defined]
        assert first.producer._transaction_producers == {}  # type: ignore[attr-defined]
        ids = {app.producer.epochs.transactional_id for app in (first, second)}  # type: ignore[attr-defined]
        assert ids == {f"{crew.app}-tally-one", f"{crew.app}-tally-two"}


async def test_poison_goes_alone_and_its_neighbours_go_on(crew: Crew) -> None:
    mixed = records(40)
    mixed[20] = ("k6", "poison")
    await crew.write(*mixed)
    async with crew.working():
        found = await crew.wait_for(39)
    assert is_exact(found)
    assert "poison" not in {seen.value for seen in found}


async def test_a_broken_deploy_stops_the_worker_uncommitted(crew: Crew) -> None:
    await crew.write(*[("k", f"poison{number}") for number in range(100)])
    worker = Worker(crew.setting("one"), [crew.agent], Clock().now_ms)
    await worker.start()
    assert isinstance(await until_ended(worker), EpochRefused)
    await worker.stop()
    assert await crew.outputs() == []


async def test_a_wake_runs_once_also_after_a_takeover(crew: Crew) -> None:
    await crew.write(("a", "wake"), ("b", "wake"))
    async with crew.working("one"):
        await crew.wait_for(2)
    async with crew.working("two"):
        found = await crew.wait_for(4)
        assert is_exact(found)
    assert tallies(found) == {"a": [1, 2], "b": [1, 2]}
    assert sorted(seen.value for seen in found) == ["wake", "wake", "woken", "woken"]


async def test_a_topic_that_is_not_there_is_named(broker: Broker, tmp_path: Path) -> None:
    crew = Crew(broker.bootstrap, broker.new_name("crew"), tmp_path)
    crew.out = broker.new_name("absent")
    worker = Worker(crew.setting("one"), [crew.agent], Clock().now_ms)
    with pytest.raises(UnknownTopic, match=crew.out):
        await worker.start()
    await worker.stop()


async def test_the_tables_can_be_looked_at_and_not_written(crew: Crew) -> None:
    await crew.write(*records(70))
    async with crew.working() as worker:
        await crew.wait_for(70)
        table: Any = worker.apps["tally"].tables["counts"]
        await wait_until_async(lambda: len(table) == 7, what="all keys are committed")
        assert table["k0"].count == 10
        assert "k1" in table
        with pytest.raises(UsageError, match="only the stage"):
            table["k0"] = 1


async def test_nothing_is_written_outside_an_epoch(crew: Crew) -> None:
    async with crew.working() as worker:
        app = worker.apps["tally"]
        with pytest.raises(UsageError, match="in epochs only"):
            await app.topic(crew.out).send(value=b"x")


async def test_a_result_for_a_task_of_somebody_else_is_dropped(crew: Crew) -> None:
    async with crew.working() as worker:
        worker.inject("tally-99", CallResult(key="x", attempt=1, took_ms=1))
        assert worker.lease_s("tally") > 0


async def test_the_lease_runs_out_while_the_machine_sleeps(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = time.clock_gettime
    async with crew.working() as worker:
        before_s = worker.lease_s("tally")
        monkeypatch.setattr(time, "clock_gettime", lambda clock: read(clock) + 3_600)
        # Between these two lines no heartbeat can be sent and answered.
        after_s = worker.lease_s("tally")
        assert 0 < before_s <= worker.setting.session_timeout_ms / 1_000
        assert after_s < -3_500
        await wait_until_async(
            lambda: worker.lease_s("tally") > 0, what="the next heartbeat is by the same clock"
        )
        assert worker.lease_s("tally") <= worker.setting.session_timeout_ms / 1_000


async def test_how_old_its_globals_are_is_known_once_they_were_read(crew: Crew) -> None:
    topic = f"{crew.app}-silences"
    make_topic(crew.bootstrap, topic, 1, {"cleanup.policy": "compact"})
    setting = replace(crew.setting("one"), globals={topic: RawAlert})
    worker = Worker(setting, [crew.agent], Clock().now_ms)
    assert worker.globals_lag_s() == {}
    await worker.start()
    try:
        lags = worker.globals_lag_s()
        assert set(lags) == {topic}
        assert 0 <= lags[topic] < 30
        assert worker.standby_lag_s() == {}, "nobody else has a task"
    finally:
        await worker.stop()
