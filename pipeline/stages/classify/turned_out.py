"""What turned out: labels from what people do to an incident and from how it ends. Pure.

Three kinds of event are no labels. An acknowledgement of an incident that somebody was told of
only answers our own page: that it was worth one does not follow, or every page would prove
itself right. An end after such an acknowledgement does not say whether it would have ended
alone. And what nobody objected to where the model had decided it only repeats our own decision:
an incident stays with a team because we put it there. Where rules had decided, the
silence of a person who ended it by hand does count: the rule is not what learns.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from pipeline.domain.alert import severity_rank
from pipeline.domain.command import Command
from pipeline.domain.incident import RESOLVED, Incident
from pipeline.domain.model import NO, YES
from pipeline.domain.notification import AMBIGUOUS, DELIVERED
from pipeline.domain.reason import Reason
from pipeline.domain.stage import Update
from pipeline.domain.stakes import QUIET, REAL
from pipeline.stages.classify import reasons
from pipeline.stages.classify.rules import HIGH, LOW, TONE_HIGH
from pipeline.stages.classify.tables import DecidedRow
from pipeline.stages.classify.words import false_alarm, tone


class TurnedOut(Struct, frozen=True):
    """Head → label that turned out, by which reason; with no labels, why it is none.

    `is_touch`: a person did something that our page had not asked for.
    """

    why: Reason | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    is_touch: bool = False


_NOTHING = TurnedOut()


def turned_out(
    before: Incident | None, event: Update, row: DecidedRow, teams: frozenset[str]
) -> list[TurnedOut]:
    """What an event says about the decision in `row`; `before` is the incident before it."""
    found = []
    if isinstance(event.cause, Command):
        found.append(_by_command(before, event.incident, event.cause, teams))
    if before is not None and before.is_open and event.incident.status == RESOLVED:
        is_touched = row.is_touched or any(each.is_touch for each in found)
        found.append(_at_end(before, event.incident, row, is_touched=is_touched))
    if (
        before is not None
        and not before.is_open
        and event.incident.is_open
        and row.told.get("self_resolving") == YES
    ):
        found.append(TurnedOut(reasons.CAME_BACK, {"self_resolving": NO}))
    return [each for each in found if each.why is not None or each.is_touch]


def verdict(told: Mapping[str, str]) -> str:
    """How an incident turned out, by all labels that were told: REAL where somebody was needed,
    QUIET where nobody was, "" where nobody knows yet.
    """
    noise, resolving = told.get("noise", ""), told.get("self_resolving", "")
    if noise == NO or (resolving == NO and noise != YES):
        return REAL
    return QUIET if YES in (noise, resolving) else ""


def is_told(incident: Incident) -> bool:
    """Whether any receiver may have been told of it."""
    return any(
        delivery.result in (DELIVERED, AMBIGUOUS, "") for delivery in incident.routing.deliveries
    )


def _by_command(
    before: Incident | None, incident: Incident, command: Command, teams: frozenset[str]
) -> TurnedOut:
    match command.kind:
        case "acknowledge":
            if is_told(before or incident):
                return TurnedOut(reasons.OWN_PAGE)
            return TurnedOut(reasons.ACKNOWLEDGED, {"noise": NO}, is_touch=True)
        case "reassign":
            labels = {"noise": NO}
            if command.assignee in teams:
                labels["team"] = command.assignee
            return TurnedOut(reasons.REASSIGNED, labels, is_touch=True)
        case "override" if command.severity:
            labels = {"severity": command.severity}
            former = before.severity if before is not None else incident.severity
            if severity_rank(command.severity) > severity_rank(former):
                labels["noise"] = NO
            return TurnedOut(reasons.OVERRIDDEN, labels, is_touch=True)
        case "snooze":
            return TurnedOut(reasons.SNOOZED, {"urgency": LOW}, is_touch=True)
        case "merge":
            return TurnedOut(reasons.MERGED, {"noise": NO}, is_touch=True)
        case "note":
            return _by_note(command.text)
        case "page":
            return TurnedOut(reasons.PAGED, {"noise": NO}, is_touch=True)
        case "not-useful":
            return TurnedOut(reasons.NOT_USEFUL, {"noise": YES}, is_touch=True)
        case kind:
            return TurnedOut(is_touch=kind == "split")


def _by_note(text: str) -> TurnedOut:
    """A note is a label only where it says plainly what the incident was."""
    if false_alarm(text):
        return TurnedOut(reasons.NOTED, {"noise": YES}, is_touch=True)
    balance, _ = tone((text,))
    if balance >= TONE_HIGH:
        return TurnedOut(reasons.NOTED, {"impact": HIGH, "noise": NO}, is_touch=True)
    if balance <= -TONE_HIGH:
        return TurnedOut(reasons.NOTED, {"impact": LOW}, is_touch=True)
    return TurnedOut(is_touch=True)


def _at_end(
    before: Incident, incident: Incident, row: DecidedRow, *, is_touched: bool
) -> TurnedOut:
    if incident.merged_into:
        return _NOTHING
    labels: dict[str, str] = {}
    why = reasons.STATED
    if not incident.resolved_by:
        if not is_touched and not before.acknowledged_at_ms:
            why, labels["self_resolving"] = reasons.BY_ITSELF, YES
        elif not is_touched:
            why = reasons.OWN_PAGE
    else:
        why = reasons.BY_HAND
        if before.firing_count:
            labels["self_resolving"] = NO
        for head in ("team", "severity"):
            if head in row.by_rules and head in row.labels and head not in row.told:
                labels[head] = row.labels[head]
        if not labels:
            why = reasons.OWN_WORD
    category = incident.labels.get("category", "").lower()
    if category and category == row.labels.get("category") and "category" in row.by_rules:
        why = why if labels else reasons.STATED
        labels["category"] = category
    if not labels and why is reasons.STATED:
        return _NOTHING
    return TurnedOut(why, labels)
