"""Laws of what one receiver hears, whatever happens to an incident."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.alert import severity_rank
from pipeline.domain.incident import ACKNOWLEDGED, RESOLVED
from pipeline.domain.notification import ACKNOWLEDGE, RESOLVE, TRIGGER, Notification
from pipeline.domain.units import Duration
from pipeline.stages.route.config import Route
from tests.stages.route.world import INCIDENT, World, receiver

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("severity"), st.sampled_from(["info", "warning", "error", "critical"])),
        st.tuples(
            st.sampled_from(
                ["again", "acknowledge", "resolve", "reopen", "snooze", "silence", "move", "wait"]
            ),
            st.just(""),
        ),
    ),
    max_size=14,
)

ROOT = Route(
    receiver="on-call",
    routes=(
        Route(match=("team=a",), receiver="chat", is_continuing=True, min_severity="warning"),
        Route(match=("team=~a|b",), receiver="mail", wait=Duration.parse("2m")),
    ),
)
RECEIVERS = {"on-call": receiver(), "chat": receiver(), "mail": receiver(batch=True)}


def play(world: World, steps: list[tuple[str, str]]) -> None:
    world.open(severity="warning", labels={"team": "a"})
    for number, (step, value) in enumerate(steps):
        incident = world.hand.incidents[INCIDENT]
        is_over = incident.status == RESOLVED
        facts: dict[str, Any] = {}
        if step == "severity" and not is_over:
            facts = {"severity": value}
        elif step == "acknowledge" and incident.status not in {ACKNOWLEDGED, RESOLVED}:
            world.acknowledge()
        elif step == "resolve" and not is_over:
            world.resolve()
        elif step == "reopen" and is_over:
            world.reopen()
        elif step == "snooze" and not is_over:
            facts = {"snoozed_until_ms": world.chain.now_ms + 300_000}
        elif step == "silence":
            world.silence(f"s{number}", "alertname=Down", for_ms=240_000)
        elif step == "move":
            facts = {"labels": {"team": "b" if incident.labels["team"] == "a" else "a"}}
        world.advance("1m" if step == "wait" else 1)
        world.alert(**facts)


def heard(world: World) -> dict[str, list[Notification]]:
    found: dict[str, list[Notification]] = {}
    for each in world.sent:
        found.setdefault(each.receiver, []).append(each)
    return found


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_numbers_are_consecutive_and_each_word_follows_from_the_one_before(
    steps: list[tuple[str, str]],
) -> None:
    world = World(ROOT, receivers=RECEIVERS)
    play(world, steps)
    for told in heard(world).values():
        assert [each.sequence for each in told] == list(range(1, len(told) + 1))
        before, worst = RESOLVE, -1
        for each in told:
            if each.action == TRIGGER:
                is_reminder = "snooze" in each.why or "muted" in each.why or before == ACKNOWLEDGE
                is_worse = severity_rank(each.severity) > worst
                assert before == RESOLVE or is_worse or is_reminder, each.why
                worst = severity_rank(each.severity)
            else:
                assert before != RESOLVE, "never a resolve or an acknowledgement without a trigger"
                assert not (each.action == ACKNOWLEDGE and before == ACKNOWLEDGE)
                worst = -1 if each.action == RESOLVE else worst
            before = each.action


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_the_same_update_again_tells_nobody(steps: list[tuple[str, str]]) -> None:
    world = World(ROOT, receivers=RECEIVERS)
    play(world, steps)
    routing = world.kept().routing
    lines = len(world.kept().reasons)
    assert world.alert() == []
    assert world.alert() == []
    assert world.kept().routing.deliveries == routing.deliveries
    assert world.kept().routing.held == routing.held
    assert len(world.kept().reasons) == lines, "and the same reasons are not given again"


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whoever_was_told_hears_the_end_once(steps: list[tuple[str, str]]) -> None:
    world = World(ROOT, receivers=RECEIVERS)
    play(world, steps)
    if world.hand.incidents[INCIDENT].status != RESOLVED:
        world.resolve()
    world.advance("3h")
    for told in heard(world).values():
        assert told[-1].action == RESOLVE
    triggers = [each for each in world.sent if each.action == TRIGGER]
    assert bool(triggers) is bool(world.sent)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["again", "worse", "wait"]), max_size=10))
def test_a_muted_incident_tells_nobody_and_then_each_receiver_once(steps: list[str]) -> None:
    world = World(ROOT, receivers=RECEIVERS)
    world.silence("s", "alertname=Down", for_ms=3_600_000)
    world.advance(1)
    world.open(severity="warning", labels={"team": "a"})
    for step in steps:
        world.advance("1m" if step == "wait" else 1)
        facts: dict[str, Any] = {"severity": "critical"} if step == "worse" else {}
        world.alert(**facts)
    assert world.sent == []
    world.advance("2h")
    assert sorted((each.receiver, each.action) for each in world.sent) == [
        ("chat", TRIGGER),
        ("mail", TRIGGER),
    ]
