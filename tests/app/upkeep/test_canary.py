"""The canary as a story on the virtual clock: the whole way, its figures, and when it is lost."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.app.compose import CANARY
from pipeline.app.upkeep.canary import FLYING_MAX, CanaryWatch
from pipeline.domain.stage import Context
from pipeline.observe.metrics import Metrics
from pipeline.sinks.canary import RECEIVER
from pipeline.stages.ingest import IngestConfig
from tests.app.upkeep.world import World
from tests.laws.replay import check_replay
from tests.stories.player import INSTALLATION

EVERYWHERE = {
    "routes": {
        "receiver": "on-call",
        "min_severity": "critical",
        "routes": [{"receiver": "on-call", "match": ['is_test="true"'], "continue": True}],
    },
    "correlate": {"rules": [{"name": "all", "group_by": []}]},
    "inhibit": [{"source": ['severity="critical"'], "target": ['severity="info"']}],
}


def counted(world: World, result: str) -> float:
    return world.metrics.value("canaries", {"result": result})


@pytest.mark.parametrize("topology", [None, EVERYWHERE])
def test_it_goes_the_whole_way_and_nobody_is_told(topology: Any) -> None:
    world = World({"topology": topology})
    world.do_alert({"name": "Real", "severity": "critical"})
    world.pages.clear()
    world.fly()
    assert counted(world, "arrived") == 1
    assert world.metrics.value("canary_seconds") == 1
    assert world.metrics.value("canary_last_success_timestamp_seconds") == world.now_ms() / 1_000
    assert world.pages_of_others() == []
    (incident,) = [each for each in world.incidents() if each.is_test]
    assert (incident.title, incident.alert_count) == (CANARY, 1)
    assert [told.is_test for told in world.driver.read("notifications")] == [False, True]
    world.do_wait("5m")
    (incident,) = [each for each in world.incidents() if each.is_test]
    assert incident.status == "resolved"
    assert world.pages_of_others() == []


def test_a_day_of_canaries_leaves_an_hour_of_them() -> None:
    world = World()
    for _ in range(24 * 12):
        world.fly()
        world.do_wait("5m")
    assert counted(world, "arrived") == 24 * 12
    assert len(world.incidents()) <= 14
    assert world.expect_dead_letters([])[1] == []
    check_replay(world.driver, world.topology, INSTALLATION)


def test_what_it_took_is_measured_without_counting_as_a_page() -> None:
    world = World()
    world.health[RECEIVER] = "down"
    world.fly()
    world.do_wait("20s")
    world.health[RECEIVER] = "up"
    world.do_wait("1m")
    world.land()
    (sample,) = [
        each
        for family in world.metrics.registry.collect()
        for each in family.samples
        if each.name == "tocsin_canary_seconds_sum"
    ]
    assert 20 < sample.value <= 80
    assert world.metrics.value("alert_to_page_seconds") == 0


def test_one_that_does_not_arrive_is_lost_once_until_any_arrives() -> None:
    world = World()
    world.health[RECEIVER] = "down"
    world.fly()
    world.canary.check(world.now_ms() + 30_000, 30_000)
    assert not world.canary.is_lost
    for _ in range(3):
        world.canary.check(world.now_ms() + 30_001, 30_000)
        assert world.canary.is_lost
    assert counted(world, "lost") == 1
    assert world.canary.lost_since_ms == world.now_ms()
    world.health[RECEIVER] = "up"
    world.do_wait("2m")
    world.land()
    assert not world.canary.is_lost
    assert counted(world, "arrived") == 1


def test_it_notices_a_stage_that_swallows_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.stages.correlate.stage import Correlate

    def swallow(self: Correlate, event: Any, ctx: Context) -> None:
        """Do nothing."""

    world = World()
    monkeypatch.setattr(Correlate, "process", swallow)
    world.do_restart({})
    world.fly()
    world.do_wait("1m")
    world.land()
    world.canary.check(world.now_ms(), 30_000)
    assert world.canary.is_lost


@pytest.mark.parametrize(("is_dry", "arrived"), [(True, 1), (False, 0)])
def test_in_a_dry_run_the_way_ends_at_the_outbox(is_dry: bool, arrived: int) -> None:
    world = World()
    world.health[RECEIVER] = "refuses"
    world.canary = CanaryWatch(world.metrics, is_dry=is_dry)
    world.fly()
    assert counted(world, "arrived") == arrived


def test_it_is_due_at_once_and_then_each_time() -> None:
    canary = CanaryWatch(Metrics())
    assert canary.is_due(1_000, 60_000)
    assert not canary.is_due(1_000, 0)
    canary.send(1_000, IngestConfig())
    assert not canary.is_due(60_999, 60_000)
    assert canary.is_due(61_000, 60_000)


def test_what_is_waited_for_is_bounded() -> None:
    metrics = Metrics()
    canary = CanaryWatch(metrics)
    for number in range(FLYING_MAX + 20):
        canary.send(number, IngestConfig())
    canary.check(10**9, 30_000)
    assert metrics.value("canaries", {"result": "lost"}) == FLYING_MAX
    canary.forget()
    assert not canary.is_lost
