"""What is held back as quiet, until when, and what ends that."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from pipeline.domain.command import KINDS, Command
from pipeline.domain.incident import Classification, Incident, Judgement, Routing
from pipeline.domain.stage import Update, Wake
from pipeline.domain.units import Duration
from pipeline.stages.route.config import Pause
from pipeline.stages.route.pause import ENDING, NEVER, Paused, Policy, decide
from tests.chain import START_MS
from tests.stages.classify.given import ID, SCOPE, incident, told

LONG_MS = 60_000
POLICY = Policy(Pause(severities=("info", "warning", "error"), longest=Duration(90_000)))
QUIET = Classification(noise_chance=0.999, quiet_head="noise", quiet_from=0.95, version="v1")
WAKE = Wake(stage="route", key=ID, at_ms=START_MS)


def one(**given: Any) -> Incident:
    return incident(**{"severity": "warning", "classification": QUIET, **given})


def command(kind: str) -> Command:
    return Command(
        command_id="c", kind=kind, incident_id=ID, scope_id=SCOPE, tenant="default", author="ann"
    )


def look(given: Incident, cause: Any = WAKE, learned_ms: int = LONG_MS, at_ms: int = 0) -> Paused:
    return decide(Update(incident=given, cause=cause), POLICY, learned_ms, START_MS + at_ms)


@pytest.mark.parametrize(
    "given",
    [
        one(severity="critical"),
        one(severity="unknown"),
        one(classification=Classification()),
        one(classification=replace(QUIET, severity=Judgement(label="critical"))),
        one(routing=told()),
    ],
    ids=["critical", "unknown", "not quiet", "judged critical", "told"],
)
def test_what_is_never_held_back(given: Incident) -> None:
    assert look(given) == NEVER


def test_it_is_held_back_as_long_as_such_ones_last() -> None:
    assert look(one()) == Paused(START_MS + LONG_MS, "warning")
    assert look(one(), learned_ms=10**9) == Paused(START_MS + 90_000, "warning"), "at most so long"
    assert look(one(), learned_ms=0) == NEVER, "it is not known how long such ones last"


def test_nothing_is_held_back_where_no_policy_says_so() -> None:
    assert not Policy(Pause()).is_on
    assert not Policy(Pause()).allows(one())
    narrow = Policy(Pause(severities=("warning",), match=('service="probe"',)))
    assert not narrow.allows(one())
    assert narrow.allows(one(service="probe", labels={"service": "probe"}))


def held(**given: Any) -> Incident:
    routing = Routing(paused_until_ms=START_MS + LONG_MS, paused_severity="warning")
    return one(**{"routing": routing, **given})


def test_it_stays_held_back_while_nothing_speaks_against_it() -> None:
    for cause in (WAKE, command("note"), command("not-useful"), command("snooze")):
        assert look(held(), cause, learned_ms=1, at_ms=9_000) == Paused(
            START_MS + LONG_MS, "warning"
        )


@pytest.mark.parametrize(
    ("given", "cause", "at_ms", "why"),
    [
        (held(), WAKE, LONG_MS, "it fires on"),
        (held(severity="error"), WAKE, 5_000, "from warning to error"),
        (held(severity="critical"), WAKE, 5_000, "from warning to critical"),
        (held(classification=Classification()), WAKE, 5_000, "nothing says any more"),
        (held(), command("page"), 5_000, "ann wants it told"),
    ],
)
def test_what_ends_it(given: Incident, cause: Any, at_ms: int, why: str) -> None:
    found = look(given, cause, at_ms=at_ms)
    assert why in found.ended
    assert found.until_ms == START_MS + at_ms
    again = replace(given, routing=replace(given.routing, paused_until_ms=found.until_ms))
    assert look(again, at_ms=at_ms + 1_000).ended, "it does not begin again"


def test_people_who_want_it_told_are_not_kept_waiting() -> None:
    assert set(KINDS) >= ENDING
    for kind in ENDING:
        assert look(one(), command(kind)) == NEVER


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{severities: [critical]}", "critical is never held back"),
        ("{severities: [loud]}", "none of info, warning, error"),
        ("{risk: 0}", "> 0"),
        ("{risk: 0.5}", "<= 0.1"),
        ("{match: [a]}", "an operator is missing"),
        ("{until: 5m}", "unknown field"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(text: str, why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        msgspec.yaml.decode(text, type=Pause)
