"""Alerts about ourselves: they page by the rules in force, are renewed, and end by themselves."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from pipeline.app.upkeep.own_alerts import LASTS_MS, RAISED_MAX, RENEWED_MS, OwnAlert
from pipeline.app.upkeep.troubles import HALTED, TroubleWatch
from tests.app.upkeep.world import World

DISK = OwnAlert(name="TocsinDiskLow", severity="warning", description="12 MiB are left.")


async def test_it_pages_once_and_resolves_once() -> None:
    world = World()
    with capture_logs() as lines:
        for _ in range(20):
            await world.alerts.say(DISK, is_firing=True)
            world.do_wait("1m")
        assert world.metrics.value("self_alerts", {"name": DISK.name}) == 1
        for _ in range(3):
            await world.alerts.say(DISK, is_firing=False)
            world.do_wait("1m")
    assert world.pages_of_others() == [
        "trigger on-call: TocsinDiskLow on tocsin",
        "resolve on-call: TocsinDiskLow on tocsin",
    ]
    assert len(lines) == 2
    assert world.metrics.value("self_alerts", {"name": DISK.name}) == 0
    (incident,) = world.incidents()
    assert (incident.severity, incident.description) == ("warning", "12 MiB are left.")
    assert not incident.is_test


async def test_it_is_renewed_before_it_ends() -> None:
    world = World()
    await world.alerts.say(DISK, is_firing=True)
    assert 2 * RENEWED_MS < LASTS_MS
    sent = len(world.driver.read("raw-alerts"))
    world.do_wait("1m")
    await world.alerts.say(DISK, is_firing=True)
    world.do_wait("3m")
    await world.alerts.say(DISK, is_firing=True)
    assert (sent, len(world.driver.read("raw-alerts"))) == (1, 1)


async def test_it_ends_when_the_process_that_raised_it_is_gone() -> None:
    world = World()
    await world.alerts.say(DISK, is_firing=True)
    world.do_wait("15m")
    assert world.pages_of_others()[-1] == "resolve on-call: TocsinDiskLow on tocsin"


async def test_what_cannot_be_appended_is_tried_again() -> None:
    world = World()
    world.is_full = True
    await world.alerts.say(DISK, is_firing=True)
    assert world.pages_of_others() == []
    world.is_full = False
    await world.alerts.say(DISK, is_firing=True)
    assert world.pages_of_others() == ["trigger on-call: TocsinDiskLow on tocsin"]
    world.is_full = True
    await world.alerts.say(DISK, is_firing=False)
    assert [alert.name for alert in world.alerts.firing(DISK.name)] == [DISK.name]
    world.is_full = False
    await world.alerts.say(DISK, is_firing=False)
    assert world.alerts.firing(DISK.name) == []


async def test_so_many_fire_at_once_and_no_more() -> None:
    world = World()
    for number in range(RAISED_MAX + 5):
        alert = OwnAlert(name="Many", severity="error", labels={"n": str(number)})
        await world.alerts.say(alert, is_firing=True)
    assert len(world.alerts.firing("Many")) == RAISED_MAX


async def test_a_task_that_stands_still_is_said_and_paged_until_it_goes_on() -> None:
    world = World()
    found: dict[str, str] = {}
    watch = TroubleWatch(lambda: found, world.alerts)
    with capture_logs() as lines:
        await watch.run()
        found["task deliver-0"] = "deliver-0 stopped: 21 events raise"
        found["clock"] = "the wall clock jumped by 90000 ms"
        for _ in range(5):
            await watch.run()
        assert world.pages_of_others() == [f"trigger on-call: {HALTED} on tocsin"]
        found.clear()
        for _ in range(5):
            await watch.run()
    said = [(line["event"], line["trouble"]) for line in lines if "trouble" in line]
    assert said == [
        ("in trouble", "task deliver-0"),
        ("in trouble", "clock"),
        ("recovered", "task deliver-0"),
        ("recovered", "clock"),
    ]
    world.do_wait("3m")
    assert world.pages_of_others() == [f"resolve on-call: {HALTED} on tocsin"]


@pytest.mark.parametrize("labels", [{}, {"task": "a"}, {"task": "b", "x": "y"}])
async def test_labels_tell_alerts_of_one_name_apart(labels: dict[str, str]) -> None:
    world = World()
    await world.alerts.say(OwnAlert(name="A", severity="error"), is_firing=True)
    await world.alerts.say(OwnAlert(name="A", severity="error", labels=labels), is_firing=True)
    assert len(world.alerts.firing("A")) == (2 if labels else 1)
