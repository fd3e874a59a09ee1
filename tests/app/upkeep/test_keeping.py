"""Keeping: what every reader has passed goes, the state is copied once a day, sizes are true."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.app.embedded import Embedded
from pipeline.app.upkeep.disk import DiskWatch
from pipeline.app.upkeep.keeping import (
    BASE_EVERY_MS,
    Bases,
    Trimming,
    keeping_of,
    passed,
    size_of,
)
from pipeline.domain.secret import Secret
from pipeline.domain.store import Output
from pipeline.hosts.embedded import bases
from pipeline.hosts.embedded.folder import Folder
from pipeline.hosts.embedded.retention import Retention
from pipeline.observe.metrics import Metrics
from pipeline.topology.declared import Topology
from pipeline.topology.load import load
from tests.app.upkeep.world import World
from tests.wait import wait_until_async

DAY_MS = 86_400_000
TEXT = """
receivers: {}
routes: {receiver: none}
observe: {canary: {every: off}}
topics: {raw-alerts: {retention: 1d}}
"""


def topology() -> Topology:
    return load(TEXT, "t.yaml", lambda _: Secret("x"))


def test_what_the_file_says_is_what_is_kept() -> None:
    keeping = keeping_of(topology())
    assert keeping["raw-alerts"].after_ms == DAY_MS
    assert not keeping["raw-alerts"].is_compact
    assert keeping["incidents"].is_compact
    assert set(keeping) == set(topology().topics)


def test_globals_are_kept_as_far_back_as_the_journal_reaches() -> None:
    keeping = keeping_of(topology())
    assert topology().retention_ms("silences") < keeping["journal"].after_ms
    assert keeping["silences"].after_ms == keeping["journal"].after_ms


def test_passed_is_the_slowest_reader() -> None:
    world = World()
    world.do_alert({"name": "A"})
    world.do_alert({"name": "B"})
    found = passed(world.driver.host.tasks())
    assert (found["raw-alerts:0"], found["alerts:0"], found["commands:0"]) == (2, 2, 0)
    assert "audit:0" not in found


async def test_old_records_go_between_two_epochs_and_offsets_go_on(tmp_path: Path) -> None:
    embedded = Embedded(topology(), Folder(tmp_path))
    await embedded.start()
    now_ms = embedded.clock.now_ms()
    metrics = Metrics()
    try:
        raw = b'{"name": "A", "status": "firing"}'
        for _ in range(3):
            await embedded.runner.append([Output(topic="raw-alerts", key="", value=raw)])
        await wait_until_async(lambda: not sum(embedded.host.lag().values()), what="all is read")

        def trimming(at_ms: int) -> Trimming:
            return Trimming(
                embedded.runner,
                lambda keeping: Retention(embedded.connection, embedded.host.log, keeping),
                topology(),
                lambda: at_ms,
                metrics,
            )

        await trimming(now_ms).run()
        assert metrics.value("trimmed_records") == 0
        await trimming(now_ms + 2 * DAY_MS).run()
        assert metrics.value("trimmed_records") == 3
        (position,) = await embedded.runner.append([Output(topic="raw-alerts", key="", value=raw)])
        assert position == ("raw-alerts", 0, 3)
    finally:
        await embedded.stop()


async def test_a_base_is_taken_once_a_day(tmp_path: Path) -> None:
    embedded = Embedded(topology(), Folder(tmp_path))
    await embedded.start()
    now_ms = embedded.clock.now_ms()
    metrics = Metrics()
    try:
        instants = iter((now_ms, now_ms + BASE_EVERY_MS - 1, now_ms + BASE_EVERY_MS))
        daily = Bases(
            str(tmp_path / "tocsin.db"), tmp_path / "bases", lambda: next(instants), metrics
        )
        for _ in range(3):
            await daily.run()
    finally:
        await embedded.stop()
    taken = sorted(int(path.stem) for path in (tmp_path / "bases").glob("*.db"))
    assert taken == [now_ms, now_ms + BASE_EVERY_MS]
    newest = bases.nearest(tmp_path / "bases", now_ms + BASE_EVERY_MS)
    assert newest is not None
    assert set(bases.checkpoints(bases.load(newest))) <= {"intake-0", "decide-0", "deliver-0"}
    at_s = (now_ms + BASE_EVERY_MS) / 1_000
    assert metrics.value("last_base_timestamp_seconds") == at_s


def test_sizes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "b").write_bytes(b"45")
    assert size_of(tmp_path) == 5
    assert size_of(tmp_path / "a") == 3
    assert size_of(tmp_path / "nothing") == 0


@pytest.mark.parametrize("count", [1, 4])
async def test_the_disk_warning_does_not_flap(tmp_path: Path, count: int) -> None:
    world = World()
    left = iter([99, *([100, 109] * count), 111, 105, 100])
    watch = DiskWatch(tmp_path, 100, world.alerts, world.metrics, lambda _: next(left))
    await watch.run()
    assert watch.is_low
    for _ in range(2 * count):
        await watch.run()
        assert watch.is_low
    for _ in range(3):
        await watch.run()
        assert not watch.is_low
    world.do_wait("3m")
    assert world.pages_of_others() == [
        "trigger on-call: TocsinDiskLow on tocsin",
        "resolve on-call: TocsinDiskLow on tocsin",
    ]
