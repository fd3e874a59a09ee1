"""Silences, maintenance and inhibition on the real stage: nothing while muted, once after."""

from __future__ import annotations

from typing import Any

from pipeline.domain.silence import Silence
from pipeline.stages.route.config import Inhibition, Route
from pipeline.stages.route.inhibit import SOURCES_MAX
from pipeline.stages.route.tables import HELD_BACK, SOURCES
from tests.stages.route.world import SCOPE, World, ref, said

HOUR_MS = 3_600_000
ROOT = Route(receiver="on-call")
HOST_DOWN = Inhibition(
    source=("alertname=HostDown",), target=("severity=~'warning|error'".replace("'", '"'),),
    equal=("host",), name="host-down",
)  # fmt: skip


def test_a_silenced_incident_tells_nobody_until_the_silence_ends_and_then_once() -> None:
    world = World(ROOT)
    world.silence("s1", "alertname=Down", for_ms=HOUR_MS)
    world.advance(1)
    assert world.open() == []
    assert world.alert(event_count=5) == []
    assert world.kept().routing.muted_by == ("muted by silence s1",)
    assert world.lines() == ["route.muted"]
    assert world.advance("59m") == []
    [told] = world.advance("2m")
    assert (told.action, told.sequence) == ("trigger", 1)
    assert told.why == "on-call is told: it fires on and is muted no longer"
    assert world.kept().routing.muted_by == ()
    assert world.alert(event_count=6) == []
    assert world.advance("12h") == []


def test_a_silence_taken_back_is_noticed_within_a_minute() -> None:
    world = World(ROOT)
    world.silence("s1", "alertname=Down")
    world.advance(1)
    world.open()
    world.chain.set_global("silences", "s1", None)
    assert said(world.advance("61s")) == [("on-call", "trigger", 1)]


def test_what_resolves_while_muted_was_never_told() -> None:
    world = World(ROOT)
    world.silence("s1", "alertname=Down")
    world.advance(1)
    world.open()
    assert world.resolve() == []
    assert world.advance("2h") == []
    assert world.lines() == ["route.muted", "route.over"]


def test_what_was_told_before_the_silence_is_resolved_all_the_same() -> None:
    world = World(ROOT)
    world.open(severity="warning")
    world.silence("s1", "alertname=Down")
    world.advance(1)
    assert world.alert(severity="critical") == [], "getting worse is muted"
    assert said(world.acknowledge()) == [("on-call", "acknowledge", 2)]
    assert said(world.resolve()) == [("on-call", "resolve", 3)]


def test_getting_worse_while_muted_is_told_when_the_silence_ends() -> None:
    world = World(ROOT)
    world.open(severity="warning")
    world.silence("s1", "alertname=Down", for_ms=HOUR_MS)
    world.advance(1)
    world.alert(severity="critical")
    [worse] = world.advance("2h")
    assert (worse.action, worse.severity, worse.sequence) == ("trigger", "critical", 2)


def test_one_firing_alert_that_nothing_mutes_is_enough() -> None:
    refs = (ref("Down", fingerprint="1"), ref("Slow", fingerprint="2"))
    world = World(ROOT)
    world.silence("s1", "alertname=Down")
    world.advance(1)
    assert said(world.open(alerts=refs)) == [("on-call", "trigger", 1)]
    world = World(ROOT)
    world.silence("s1", "alertname=Down")
    world.silence("s2", "alertname=Slow")
    world.advance(1)
    assert world.open(alerts=refs) == []
    assert world.kept().routing.muted_by == ("muted by silence s1", "muted by silence s2")


def test_a_resolved_alert_needs_no_silence() -> None:
    refs = (ref("Down", fingerprint="1"), ref("Slow", fingerprint="2", status="resolved"))
    world = World(ROOT)
    world.silence("s1", "alertname=Down")
    world.advance(1)
    assert world.open(alerts=refs, firing_count=1) == []


def test_an_alert_that_is_not_listed_is_muted_only_by_what_all_share() -> None:
    for matcher, expected in (("team=shop", 0), ("alertname=Down", 1), ("pod!=x", 1)):
        world = World(ROOT)
        world.silence("s1", matcher, "team=shop")
        world.advance(1)
        told = world.open(labels={"team": "shop"}, alert_count=50, firing_count=50)
        assert len(told) == expected, matcher


def test_a_silence_of_another_tenant_or_without_sense_mutes_nothing() -> None:
    now_ms = World(ROOT).chain.now_ms
    facts: dict[str, Any] = {
        "starts_at_ms": now_ms - 1,
        "ends_at_ms": now_ms + HOUR_MS,
        "created_by": "ann",
    }
    silences = {
        "other": Silence(silence_id="other", tenant="b", matchers=("alertname=Down",), **facts),
        "bad": Silence(silence_id="bad", tenant="default", matchers=("[",), **facts),
        "all": Silence(silence_id="all", tenant="default", matchers=("x!=y",), **facts),
        "none": Silence(silence_id="none", tenant="default", matchers=(), **facts),
    }
    world = World(ROOT, silences=silences)
    assert said(world.open()) == [("on-call", "trigger", 1)]


def test_a_maintenance_mutes_in_its_window_only() -> None:
    world = World(ROOT)
    now_ms = world.chain.now_ms
    maintenance = Silence(
        silence_id="m1",
        tenant="default",
        matchers=("service=shop",),
        starts_at_ms=now_ms,
        ends_at_ms=now_ms + 100 * HOUR_MS,
        created_by="ann",
        rrule="FREQ=DAILY",
        duration_ms=HOUR_MS,
    )
    world.chain.set_global("silences", "m1", maintenance)
    world.advance("30m")
    shop = (ref(service="shop"),)
    assert world.open(1, alerts=shop) == []
    assert world.kept().routing.muted_by == ("muted by maintenance m1",)
    assert said(world.advance("31m")) == [("on-call", "trigger", 1)]
    assert said(world.open(2, alerts=shop)) == [("on-call", "trigger", 1)]
    world.advance("23h")
    assert world.open(3, alerts=shop) == []


def test_nothing_that_fires_is_nothing_to_page_for() -> None:
    world = World(ROOT)
    world.silence("s1", "alertname=Down", for_ms=HOUR_MS)
    world.advance(1)
    world.open()
    world.alert(alerts=(ref(status="resolved"),), firing_count=0)
    assert world.advance("2h") == []
    assert world.lines() == ["route.muted", "route.calm"]


def test_a_source_mutes_what_it_explains_until_it_ends() -> None:
    world = World(ROOT, (HOST_DOWN,))
    assert len(world.open(1, name="HostDown", labels={"host": "h1"})) == 1
    assert world.open(2, name="Slow", severity="warning", labels={"host": "h1"}) == []
    assert world.kept(2).routing.muted_by == (f"inhibited by {SCOPE}.1 (inhibition host-down)",)
    assert len(world.open(3, name="Slow", severity="warning", labels={"host": "h2"})) == 1
    assert len(world.open(4, name="Slow", severity="critical", labels={"host": "h1"})) == 1
    assert list(world.chain.table(SOURCES)) == [f"{SCOPE}/{SCOPE}.1"]
    assert list(world.chain.table(HELD_BACK)) == [f"{SCOPE}/{SCOPE}.1/{SCOPE}.2"]
    world.resolve(1)
    [told] = world.advance(0)
    assert (told.incident_id, told.action) == (f"{SCOPE}.2", "trigger")
    assert world.chain.table(SOURCES) == {}
    assert world.chain.table(HELD_BACK) == {}
    assert world.advance("12h") == []


def test_a_source_does_not_mute_itself_nor_another_of_both_sides() -> None:
    both = Inhibition(source=("job=a",), target=("job=a",))
    world = World(ROOT, (both,))
    assert len(world.open(1, labels={"job": "a"})) == 1
    assert len(world.open(2, labels={"job": "a"})) == 1


def test_what_is_absent_on_both_is_equal() -> None:
    world = World(ROOT, (HOST_DOWN,))
    world.open(1, name="HostDown")
    assert world.open(2, name="Slow", severity="warning") == []


def test_what_is_unknown_on_both_is_not() -> None:
    world = World(ROOT, (HOST_DOWN,))
    world.open(1, name="HostDown", alert_count=2)
    assert len(world.open(2, name="Slow", severity="warning")) == 1


def test_a_source_that_reopens_mutes_again_and_a_test_mutes_nothing() -> None:
    world = World(ROOT, (HOST_DOWN,))
    world.open(1, name="HostDown")
    world.resolve(1)
    world.reopen(1)
    assert world.open(2, name="Slow", severity="warning") == []
    world = World(ROOT, (HOST_DOWN,))
    world.open(1, name="HostDown", is_test=True)
    assert len(world.open(2, name="Slow", severity="warning")) == 1


def test_a_snooze_that_ends_while_muted_is_told_after_the_silence() -> None:
    world = World(ROOT)
    world.open()
    world.command("snooze", snoozed_until_ms=world.chain.now_ms + 60_000)
    world.silence("s1", "alertname=Down", for_ms=HOUR_MS)
    assert world.advance("30m") == []
    assert said(world.advance("31m")) == [("on-call", "trigger", 2)]
    assert world.advance("12h") == []


def test_a_muted_incident_is_not_written_anew_while_nothing_changes() -> None:
    world = World(ROOT)
    world.silence("s1", "alertname=Down", for_ms=HOUR_MS)
    world.advance(1)
    world.open()
    world.chain.outputs("incidents")
    world.chain.outputs("audit")
    world.advance("59m")
    assert world.chain.outputs("incidents") == []
    assert world.chain.outputs("audit") == []


def test_sources_beyond_the_limit_mute_nothing_and_are_counted() -> None:
    world = World(ROOT, (HOST_DOWN,))
    for number in range(1, SOURCES_MAX + 2):
        world.open(number, name="HostDown", labels={"host": f"h{number}"})
    assert len(world.chain.table(SOURCES)) == SOURCES_MAX
    assert world.chain.reasons["route.sources_full"] == 1
    last = {"host": f"h{SOURCES_MAX + 1}"}
    assert len(world.open(9_999, name="Slow", severity="warning", labels=last)) == 1


def test_the_place_of_the_first_alert_holds_for_others_only_where_the_scope_says_so() -> None:
    refs = (ref("Down", fingerprint="1"), ref("Down", fingerprint="2"))
    where = {"cluster": "a", "region": "eu"}
    for matcher, expected in (("region=eu", 0), ("cluster=a", 1)):
        world = World(ROOT)
        world.silence("s1", matcher)
        world.advance(1)
        assert len(world.open(1, alerts=refs, **where)) == expected, matcher
        assert world.open(2, **where) == [], "of a single alert both are known"
