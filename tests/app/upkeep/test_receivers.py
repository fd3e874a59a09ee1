"""A receiver that fails: a line in the log when it begins and ends, an alert where it lasts."""

from __future__ import annotations

from typing import Any

from structlog.testing import capture_logs

from pipeline.app.upkeep.receivers import DOWN_MS, NAME, ReceiverWatch
from pipeline.stages.send.tables import ReceiverState
from tests.app.upkeep.world import World

TWO: dict[str, Any] = {
    "topology": {
        "receivers": {
            name: {"sink": "pagerduty", "routing_key": "env:KEY"} for name in ("on-call", "chief")
        },
        "routes": {
            "receiver": "on-call",
            "routes": [{"match": ["service=tocsin"], "receiver": "chief"}],
        },
    }
}


def watching(world: World) -> tuple[ReceiverWatch, set[str]]:
    declared = {"on-call", "chief"}
    watch = ReceiverWatch(world.alerts, world.now_ms, lambda: declared)
    world.driver.host.watch("receivers", watch.take)
    return watch, declared


async def test_one_that_stays_away_is_told_to_another_until_it_answers() -> None:
    world = World(TWO)
    watch, _ = watching(world)
    world.do_receiver({"on-call": "down"})
    with capture_logs() as lines:
        for n in range(6):
            world.do_alert({"name": f"A{n}"})
        for _ in range(20):
            await watch.run()
            world.do_wait("30s")
        assert world.pages_of_others() == [f"trigger chief: {NAME} on tocsin"]
        assert [alert.labels for alert in world.alerts.firing(NAME)] == [{"receiver": "on-call"}]
        world.do_receiver({"on-call": "up"})
        for _ in range(20):
            world.do_wait("30s")
            await watch.run()
    assert f"resolve chief: {NAME} on tocsin" in world.pages_of_others()
    said = [(line["event"], line["receiver"]) for line in lines if "failures" in line]
    assert said == [("receiver fails", "on-call")]
    assert [line["event"] for line in lines].count("receiver answers again") == 1


async def test_a_short_failure_is_logged_and_no_alert() -> None:
    world = World()
    watch, _ = watching(world)
    with capture_logs() as lines:
        watch.take("deliver-0", {"on-call": ReceiverState(open_until_ms=1, failures=5)})
        watch.take("deliver-0", {"on-call": ReceiverState(open_until_ms=1, is_probing=True)})
        world.driver.now_ms += DOWN_MS - 1
        await watch.run()
        watch.take("deliver-0", {"on-call": ReceiverState()})
        watch.take("deliver-0", {"on-call": None})
        world.driver.now_ms += DOWN_MS
        await watch.run()
    assert world.alerts.firing(NAME) == []
    assert [line["event"] for line in lines] == ["receiver fails", "receiver answers again"]


async def test_one_that_is_no_longer_declared_is_not_down() -> None:
    world = World()
    watch, declared = watching(world)
    watch.take("deliver-0", {"chief": ReceiverState(open_until_ms=1)})
    world.driver.now_ms += DOWN_MS
    await watch.run()
    assert len(world.alerts.firing(NAME)) == 1
    declared.remove("chief")
    await watch.run()
    assert world.alerts.firing(NAME) == []
