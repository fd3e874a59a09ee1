"""What people do and how an incident ends become labels; what we caused ourselves does not."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.command import Command
from pipeline.domain.incident import Incident
from pipeline.domain.stage import Update, Wake
from pipeline.stages.classify.tables import DecidedRow
from pipeline.stages.classify.turned_out import turned_out, verdict
from tests.chain import START_MS
from tests.stages.classify.given import ID, SCOPE, incident, told

TEAMS = frozenset({"web", "db"})
BY_RULES = DecidedRow(
    "", labels={"team": "web", "severity": "error"}, by_rules=("team", "severity", "category")
)
BY_MODEL = DecidedRow("", labels={"team": "web", "severity": "error"})
QUIET = Wake(stage="correlate", key="k", at_ms=START_MS)


def command(kind: str, **given: Any) -> Command:
    fields = {"command_id": "c", "incident_id": ID, "scope_id": SCOPE, "tenant": "default"}
    return Command(kind=kind, author="ann", **{**fields, **given})


def labels(
    before: Incident | None, after: Incident, cause: Any, row: DecidedRow = BY_RULES
) -> list[tuple[str, dict[str, str]]]:
    found = turned_out(before, Update(incident=after, cause=cause), row, TEAMS)
    return [
        (each.why.name.partition(".")[2] if each.why else "", dict(each.labels)) for each in found
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (command("acknowledge"), [("acknowledged", {"noise": "no"})]),
        (command("reassign", assignee="db"), [("reassigned", {"noise": "no", "team": "db"})]),
        (command("reassign", assignee="bob"), [("reassigned", {"noise": "no"})]),
        (
            command("override", severity="critical"),
            [("overridden", {"severity": "critical", "noise": "no"})],
        ),
        (command("override", severity="info"), [("overridden", {"severity": "info"})]),
        (command("override", severity=""), []),
        (command("snooze"), [("snoozed", {"urgency": "low"})]),
        (command("merge", into="x"), [("merged", {"noise": "no"})]),
        (command("not-useful"), [("not_useful", {"noise": "yes"})]),
        (command("page"), [("paged", {"noise": "no"})]),
        (command("note", text="a false alarm"), [("noted", {"noise": "yes"})]),
        (
            command("note", text="customers are losing money, all down"),
            [("noted", {"impact": "high", "noise": "no"})],
        ),
        (command("note", text="harmless, known test"), [("noted", {"impact": "low"})]),
        (command("note", text="I look at it"), [("", {})]),
        (command("unheard-of"), []),
    ],
    ids=lambda each: each.kind if isinstance(each, Command) else "",
)
def test_commands(asked: Command, expected: list[Any]) -> None:
    it = incident()
    assert labels(it, it, asked) == expected


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("delivered", [("own_page", {})]),
        ("ambiguous", [("own_page", {})]),
        ("", [("own_page", {})]),
        ("refused", [("acknowledged", {"noise": "no"})]),
    ],
)
def test_an_answer_to_our_own_page_is_no_label(result: str, expected: list[Any]) -> None:
    paged = incident(routing=told(result=result))
    assert labels(paged, paged, command("acknowledge")) == expected


def resolved(by: str = "", **given: Any) -> Incident:
    return incident(status="resolved", resolved_at_ms=START_MS, resolved_by=by, **given)


def test_what_ended_untouched_ended_by_itself() -> None:
    assert labels(incident(), resolved(), QUIET) == [("by_itself", {"self_resolving": "yes"})]


def test_what_ended_after_an_answer_to_our_page_says_nothing() -> None:
    before = incident(acknowledged_at_ms=START_MS, acknowledged_by="ann", routing=told())
    assert labels(before, resolved(), QUIET) == [("own_page", {})]


def test_what_somebody_had_in_hand_did_not_show_that_it_ends_by_itself() -> None:
    assert labels(incident(), resolved(), QUIET, replace(BY_RULES, is_touched=True)) == []


def test_a_person_who_ends_it_lets_the_rules_stand_but_not_our_own_decision() -> None:
    ended = command("resolve")
    assert labels(incident(), resolved("ann"), ended) == [
        ("by_hand", {"self_resolving": "no", "team": "web", "severity": "error"})
    ]
    calm = incident(firing_count=0)
    assert labels(calm, resolved("ann"), ended, BY_MODEL) == [("own_word", {})]


def test_what_a_person_had_said_before_is_not_taken_back_at_the_end() -> None:
    row = replace(BY_RULES, told={"team": "db"})
    assert labels(incident(), resolved("ann"), command("resolve"), row) == [
        ("by_hand", {"self_resolving": "no", "severity": "error"})
    ]


def test_a_merge_ends_nothing() -> None:
    gone = resolved("merge into x", merged_into="x")
    assert labels(incident(), gone, QUIET) == []


def test_what_came_back_had_not_ended_by_itself() -> None:
    row = replace(BY_RULES, told={"self_resolving": "yes"})
    assert labels(resolved(), incident(reopened_count=1), QUIET, row) == [
        ("came_back", {"self_resolving": "no"})
    ]
    assert labels(resolved(), incident(reopened_count=1), QUIET) == []


def test_the_category_that_a_sender_stated_is_learned_at_the_end() -> None:
    row = replace(BY_RULES, labels={"category": "security/access"})
    stating = {"category": "security/access"}
    assert labels(incident(), resolved(labels=stating), QUIET, row) == [
        ("by_itself", {"self_resolving": "yes", "category": "security/access"})
    ]
    touched = replace(row, is_touched=True)
    assert labels(incident(), resolved(labels=stating), QUIET, touched) == [
        ("stated", {"category": "security/access"})
    ]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({}, ""),
        ({"team": "web"}, ""),
        ({"noise": "no"}, "real"),
        ({"noise": "no", "self_resolving": "yes"}, "real"),
        ({"noise": "yes"}, "quiet"),
        ({"noise": "yes", "self_resolving": "no"}, "quiet"),
        ({"self_resolving": "yes"}, "quiet"),
        ({"self_resolving": "no"}, "real"),
    ],
)
def test_whether_somebody_was_needed(told: dict[str, str], found: str) -> None:
    assert verdict(told) == found
