"""The stage `foresee` on the real Task: what it counts, learns, shows and tells."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pipeline.domain.alert import Alert
from pipeline.domain.catalog import Change, ChangeEntry
from pipeline.domain.foresight import HEAD, HORIZON_MS, STEP_MS
from pipeline.domain.incident import Risk
from pipeline.domain.wiring import Wiring
from pipeline.stages import foresee
from pipeline.stages.foresee import stage as module
from pipeline.stages.foresee.stage import ACTIVE_MS, FORGET_MS
from pipeline.stages.foresee.tables import SCOPES, SERVICES
from tests.stages.foresee.given import MODEL, SCOPE, START_MS, World

MINUTE_MS = 60_000
SURE = {0: 0.05, 1: 0.1, 2: 0.8, 3: 0.9}


def test_an_active_service_is_asked_every_five_minutes_and_a_calm_one_never() -> None:
    world = World()
    world.fires("CpuHigh")
    world.chain.advance("30m")
    assert world.chain.reasons["foresee.asked"] == 6
    world.chain.advance("10h")
    assert world.chain.reasons["foresee.asked"] == ACTIVE_MS // STEP_MS


def test_answers_are_told_harmless_when_their_half_hour_has_passed() -> None:
    world = World()
    world.fires("CpuHigh")
    world.chain.advance(HORIZON_MS - STEP_MS)
    assert world.outcomes() == []
    world.chain.advance("5h")
    told = world.outcomes()
    assert len(told) == ACTIVE_MS // STEP_MS
    first = told[0]
    assert (first.model, first.labels, first.version) == (MODEL, {HEAD: "no"}, "rules")
    assert (first.rows, first.dense, first.tenant) == ((41,), (1.0,), "default")
    assert first.turned_out_at_ms - first.decided_at_ms >= HORIZON_MS
    assert world.row().waiting == ()  # type: ignore[union-attr]


def test_a_severe_alert_is_an_incident_that_was_foretold_and_signs_are_not() -> None:
    world = World()
    world.fires("CpuHigh")
    world.chain.advance("12m")
    world.fires("MemoryHigh")
    assert world.outcomes() == []
    world.fires("Down", severity="critical")
    told = world.outcomes()
    assert [each.labels[HEAD] for each in told] == ["yes"] * len(told)
    assert 2 <= len(told) <= 3
    assert {each.incident_id for each in told} == {world.incidents()[-1].incident_id}
    world.fires("Down", severity="critical", instance="other")  # another incident at once
    assert world.outcomes() == []


def test_an_incident_counts_once_per_service_and_again_when_it_opens_again() -> None:
    world = World()
    first = world.fires("Down", severity="critical")
    world.chain.advance("6m")
    world.send(replace(first, severity="error"))
    world.send(replace(first, severity="critical"))
    assert world.outcomes() == []
    world.send(replace(first, status="resolved", ends_at_ms=world.chain.now_ms))
    world.chain.advance("1m")
    again_ms = world.chain.now_ms
    world.send(replace(first, starts_at_ms=again_ms, received_at_ms=again_ms))
    assert set(world.labels()) == {"yes"}


def test_repeats_tests_alerts_without_a_service_and_ends_are_not_counted() -> None:
    world = World()
    first = world.fires("CpuHigh")
    counts = world.row().counts  # type: ignore[union-attr]
    world.chain.advance("90s")
    for _ in range(5):
        world.send(first)
    world.send(replace(first, status="resolved", ends_at_ms=world.chain.now_ms))
    world.fires("Canary", is_test=True)
    world.fires("Placeless", service="")
    assert world.row().counts == counts  # type: ignore[union-attr]
    assert list(world.chain.table(SERVICES)) == [f"{SCOPE}/shop"]


def test_the_risk_is_shown_when_it_has_moved_and_not_each_time_it_is_asked() -> None:
    world = World()
    world.publish(SURE)
    world.fires("CpuHigh")
    world.fires("DiskSlow")
    world.keeper.updates.clear()
    world.chain.advance("5m")
    shown = [each.risk for each in world.incidents()]
    assert [round(each.chance, 2) for each in shown] == [0.8, 0.8]
    assert (shown[0].version, shown[0].horizon_ms) == ("v1", HORIZON_MS)
    assert [each.feature for each in shown[0].evidence] == ["2 alerts"]
    assert len(world.keeper.updates) == 2
    line = world.incidents()[0].reasons[-1]
    assert line.text == "shop has an incident within 30 minutes with a chance of 80%"
    world.chain.advance("5m")
    assert len(world.keeper.updates) == 2
    world.chain.advance("3h")
    assert [each.risk for each in world.incidents()] == [Risk(), Risk()]
    assert len(world.keeper.updates) == 6  # to .05, since the alerts are long past, and to none


def test_an_incident_that_opens_has_the_risk_of_its_service_at_once() -> None:
    world = World()
    world.publish(SURE)
    world.fires("CpuHigh")
    world.fires("DiskSlow")
    world.chain.advance("5m")
    world.fires("Late")
    assert world.incidents()[-1].risk.chance == pytest.approx(0.8)


def test_before_a_model_has_learned_nothing_is_shown() -> None:
    world = World()
    world.fires("CpuHigh")
    world.chain.advance("1h")
    assert [each.risk for each in world.incidents()] == [Risk()]


def test_who_needs_a_service_is_asked_when_that_has_an_alert() -> None:
    world = World({"shop": ("db",), "db": (), "elsewhere": ("db",)})
    world.fires("CpuHigh", "shop")
    world.chain.advance("6h")
    world.outcomes()
    world.fires("DiskSlow", "db")
    world.chain.advance("1h")
    rows = {each.rows for each in world.outcomes()}
    assert (60,) in rows  # the shop's: none of its own lately, one where it depends
    assert list(world.chain.table(SERVICES)) == [f"{SCOPE}/db", f"{SCOPE}/shop"]


def test_changes_are_taken_from_the_catalog_when_it_is_asked() -> None:
    world = World()
    entries = tuple(
        ChangeEntry(change_id=str(at), kind="deploy", summary="x", at_ms=START_MS + at * MINUTE_MS)
        for at in (999, 2, 1)
    )
    world.chain.set_global("changes", "shop", Change(service="shop", entries=entries))
    world.fires("CpuHigh")
    world.chain.advance("11m")
    assert world.row().counts.change_at_ms == START_MS + 2 * MINUTE_MS  # type: ignore[union-attr]


def test_what_was_asked_before_nobody_looked_is_not_learned() -> None:
    world = World()
    world.fires("CpuHigh")
    world.chain.advance("10m")
    world.chain.now_ms += HORIZON_MS  # a worker that was down: its wakes are late
    world.chain.run([])
    assert world.chain.reasons["foresee.excused"] == 1
    world.chain.advance("4h")
    told = world.outcomes()
    assert told
    assert all(each.decided_at_ms > START_MS + HORIZON_MS for each in told)


def test_a_service_that_was_quiet_for_long_is_forgotten() -> None:
    world = World()
    world.fires("CpuHigh")
    world.chain.advance("3h")
    assert world.chain.table(SCOPES)[f"{SCOPE}/"].services_count == 1
    world.chain.advance(FORGET_MS)
    assert world.chain.table(SERVICES) == {}
    assert world.chain.table(SCOPES)[f"{SCOPE}/"].services_count == 0
    assert world.chain.task.next_due_ms > world.chain.now_ms


def test_services_beyond_the_bound_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SERVICES_MAX", 3)
    world = World()
    for number in range(5):
        world.fires("CpuHigh", f"s{number}")
    assert len(world.chain.table(SERVICES)) == 3
    assert world.chain.reasons["foresee.full"] == 2
    assert len(world.incidents()) == 5


@pytest.mark.parametrize("is_learning", [True, False])
def test_off_or_without_learning_all_passes_and_nothing_is_kept(*, is_learning: bool) -> None:
    world = World(severities=()) if is_learning else World()
    if not is_learning:
        correlating, _, keeper = world.chain.agent.stages
        world.chain.restart(correlating, foresee.build(Wiring()), keeper)
    world.fires("Down", severity="critical")
    world.chain.advance("1h")
    assert world.chain.table(SERVICES) == {}
    assert world.outcomes() == []
    assert len(world.incidents()) == 1


def test_what_is_shown_is_taken_back_when_it_is_switched_off() -> None:
    world = threatened()
    world.chain.advance("6m")
    world.chain.restart(*World(severities=()).chain.agent.stages)
    world.chain.advance("10m")
    assert [each.risk for each in world.incidents()] == [Risk(), Risk()]
    assert world.chain.table(SERVICES) == {}


def test_each_tenant_has_its_own_model() -> None:
    world = World()
    for tenant in ("acme", "default"):
        alert = Alert(alert_id="a", fingerprint="f" * 16, name="CpuHigh", service="shop")
        world.chain.send("alerts", SCOPE, alert, {"tenant": tenant})
    world.chain.advance("1h")
    told = {(each.tenant, each.model) for each in world.outcomes()}
    assert told == {("acme", "foresight@acme"), ("default", MODEL)}


def threatened(**section: object) -> World:
    world = World({"shop": ()}, **section)
    world.publish(SURE)
    world.fires("CpuHigh")
    world.fires("DiskSlow")
    return world


def test_by_default_nobody_is_told() -> None:
    world = threatened()
    world.chain.advance("1h")
    assert world.own() == []


def test_with_a_policy_an_alert_of_its_own_says_so_and_ends_when_the_risk_falls() -> None:
    world = threatened(page_at=0.5)
    world.chain.advance("6m")
    (alert,) = world.own()
    assert alert.name == "shop is likely to have an incident within 30 minutes"
    assert (alert.severity, alert.service, alert.status) == ("warning", "", "firing")
    assert alert.labels == {
        "environment": "prod", "region": "eu", "service": "shop", "foreseen": "yes", "team": "web",
    }  # fmt: skip
    assert "80%: 2 alerts" not in alert.description
    assert alert.description.endswith("a chance of 80%. What speaks for it: 2 alerts.")
    own = world.incidents()[-1]
    assert (own.title, own.scope_id, own.status) == (alert.name, SCOPE, "triggered")
    world.chain.advance("15m")
    (end,) = world.own()
    assert (end.status, end.fingerprint) == ("resolved", alert.fingerprint)
    world.chain.advance("10m")
    assert world.incidents()[-1].status == "resolved"
    assert world.chain.reasons["foresee.fell"] == 1
    world.chain.advance("3h")
    assert set(world.labels()) == {"no"}  # its own alert was no incident


def test_its_own_alert_ends_when_the_incident_comes_or_the_half_hour_is_over() -> None:
    world = threatened(page_at=0.5)
    world.chain.advance("6m")
    world.own()
    world.fires("Down", severity="error")
    assert [each.status for each in world.own()] == ["resolved"]
    assert world.chain.reasons["foresee.came"] == 1

    world = threatened(page_at=0.5)
    world.chain.advance("6m")
    world.own()
    for _ in range(9):
        world.fires("CpuHigh")
        world.fires("DiskSlow")
        world.chain.advance("4m")
    assert world.chain.reasons["foresee.passed"] == 1
    assert [each.status for each in world.own()][:1] == ["resolved"]


def test_its_own_alerts_are_bounded_by_the_day() -> None:
    world = World(page_at=0.5, per_day=2)
    world.publish(SURE)
    for number in range(4):
        world.fires("CpuHigh", f"s{number}")
        world.fires("DiskSlow", f"s{number}")
        world.chain.advance("6m")
    fired = [each for each in world.own() if each.status == "firing"]
    assert len(fired) == 2
    assert world.chain.reasons["foresee.spared"] == 2
    world.chain.advance("24h")
    world.fires("CpuHigh", "late")
    world.fires("DiskSlow", "late")
    world.chain.advance("6m")
    assert [each.status for each in world.own()][-1] == "firing"


def test_a_service_that_has_its_incident_is_not_told_of() -> None:
    world = World(page_at=0.5)
    world.publish(SURE)
    world.fires("Down", severity="critical")
    world.fires("DiskSlow")
    world.chain.advance("1h")
    assert world.own() == []


def test_what_fires_is_ended_when_the_policy_is_taken_back() -> None:
    world = threatened(page_at=0.5)
    world.chain.advance("6m")
    world.own()
    world.chain.restart(*World(severities=()).chain.agent.stages)
    world.chain.advance("10m")
    found: list[Alert] = world.own()
    assert [each.status for each in found] == ["resolved"]
