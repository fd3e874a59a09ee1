"""What one receiver is due to be told of one incident: the decision, with its reason.

To a receiver this reads trigger, trigger when worse, acknowledge, resolve, and from the start again
where the incident opens again. What closes (resolve, acknowledge) is owed to whoever was told; what
pages is held back by a snooze, an owner, a wait, a route. Muting is looked at by the stage, only
where a trigger is due, since it costs most.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct, field

from pipeline.domain.alert import severity_rank
from pipeline.domain.incident import ACKNOWLEDGED, RESOLVED, Delivery, Incident
from pipeline.domain.notification import ACKNOWLEDGE, RESOLVE, TRIGGER
from pipeline.domain.reason import Reason
from pipeline.domain.units import Duration
from pipeline.stages.route import config, reasons
from pipeline.stages.route.tree import Hop

_LAST_S: Final = 253_402_300_799


class Due(Struct, frozen=True):
    """What is to be told (`action`, "": nothing) and why; `until_ms` is when the answer may
    change by itself (0: only by an event).
    """

    reason: Reason
    action: str = ""
    until_ms: int = 0
    facts: Mapping[str, object] = field(default_factory=dict)


def decide(
    told: Delivery | None, incident: Incident, hop: Hop | None, held: str, now_ms: int
) -> Due:
    """Decide for one receiver. `told` is what it was told last, `hop` how the routes lead to it
    (None: no longer), `held` the name of the reason that held it back when last looked at.
    """
    has_open = told is not None and told.action != RESOLVE
    if incident.status == RESOLVED or incident.merged_into:
        return _closed(incident, hop, has_open=has_open, was_told=told is not None)
    if hop is None:
        return _rerouted(told, incident)
    if hop.receiver == config.NOBODY:
        return Due(reasons.NOBODY, facts={"path": hop.path})
    if incident.is_test and not hop.asks_for_tests:
        return Due(reasons.TEST, facts={"path": hop.path})
    if told is None or not has_open:
        due = _untold(told, incident, hop, held, now_ms)
    else:
        due = _told(told, incident, hop, held, now_ms)
    if due.action == TRIGGER and not incident.firing_count:
        return Due(reasons.CALM)
    return due


def _closed(incident: Incident, hop: Hop | None, *, has_open: bool, was_told: bool) -> Due:
    if not was_told and incident.routing.paused_until_ms:
        return Due(reasons.PASSED)
    if not has_open:
        return Due(reasons.TOLD if was_told else reasons.OVER)
    if hop is not None and not hop.sends_resolved:
        return Due(reasons.RESOLVED_OFF, facts={"path": hop.path})
    if incident.merged_into:
        return Due(reasons.MERGED, RESOLVE, facts={"into": incident.merged_into})
    return Due(reasons.RESOLVED, RESOLVE)


def _rerouted(told: Delivery | None, incident: Incident) -> Due:
    if told is not None and _owes_acknowledge(told, incident):
        return Due(reasons.ACKNOWLEDGED, ACKNOWLEDGE, facts={"author": incident.acknowledged_by})
    return Due(reasons.REROUTED)


def _untold(told: Delivery | None, incident: Incident, hop: Hop, held: str, now_ms: int) -> Due:
    if incident.status == ACKNOWLEDGED:
        return Due(reasons.OWNED, facts={"author": incident.acknowledged_by})
    if severity_rank(incident.severity) < hop.min_rank:
        return Due(reasons.TOO_LOW, facts={"severity": incident.severity, "path": hop.path})
    if incident.snoozed_until_ms > now_ms:
        return _snoozed(incident)
    due_ms = incident.opened_at_ms + hop.wait_ms
    if hop.wait_ms and due_ms > now_ms:
        facts = {"until": instant(due_ms), "wait": Duration(hop.wait_ms), "path": hop.path}
        return Due(reasons.WAITING, until_ms=due_ms, facts=facts)
    if held == reasons.MUTED.name:
        return Due(reasons.UNMUTED, TRIGGER)
    if held == reasons.SNOOZED.name:
        return Due(reasons.UNSNOOZED, TRIGGER)
    if told is not None:
        return Due(reasons.REOPENED, TRIGGER)
    return Due(reasons.FIRST, TRIGGER, facts={"path": hop.path})


def _told(told: Delivery, incident: Incident, hop: Hop, held: str, now_ms: int) -> Due:
    owes_acknowledge = _owes_acknowledge(told, incident)
    if owes_acknowledge and hop.sends_acknowledged:
        # Before any page, since a page may be held back for long.
        facts = {"author": incident.acknowledged_by}
        return Due(reasons.ACKNOWLEDGED, ACKNOWLEDGE, facts=facts)
    page = _page_again(told, incident, hop, held, now_ms)
    if page is not None:
        return _snoozed(incident) if incident.snoozed_until_ms > now_ms else page
    if owes_acknowledge:
        return Due(reasons.ACKNOWLEDGED_OFF, facts={"path": hop.path})
    if incident.snoozed_until_ms > now_ms:
        return _snoozed(incident)
    if incident.status == ACKNOWLEDGED:
        return Due(reasons.OWNED, facts={"author": incident.acknowledged_by})
    if hop.repeat_ms:
        due_ms = told.notified_at_ms + hop.repeat_ms
        return Due(reasons.NOT_DUE, until_ms=due_ms, facts={"until": instant(due_ms)})
    return Due(reasons.TOLD)


def _page_again(told: Delivery, incident: Incident, hop: Hop, held: str, now_ms: int) -> Due | None:
    """The trigger that is due to somebody who was told already, or None."""
    if severity_rank(incident.severity) > severity_rank(told.severity):
        facts = {"before": told.severity, "severity": incident.severity}
        return Due(reasons.WORSE, TRIGGER, facts=facts)
    if incident.status == ACKNOWLEDGED:
        return None
    if held == reasons.SNOOZED.name and incident.snoozed_until_ms <= now_ms:
        return Due(reasons.UNSNOOZED, TRIGGER)
    if held == reasons.MUTED.name:  # it is held so only where a trigger was due
        return Due(reasons.UNMUTED, TRIGGER)
    if told.action == ACKNOWLEDGE:
        return Due(reasons.UNOWNED, TRIGGER)
    if hop.repeat_ms and now_ms >= told.notified_at_ms + hop.repeat_ms:
        facts = {"since": instant(told.notified_at_ms), "repeat": str(Duration(hop.repeat_ms))}
        return Due(reasons.REPEATED, TRIGGER, facts=facts)
    return None


def _owes_acknowledge(told: Delivery, incident: Incident) -> bool:
    """Whether somebody acknowledged what this receiver still shows as triggered.

    One that was told again after the acknowledgement (it got worse) is left as it is, also where
    both came in one millisecond.
    """
    return (
        incident.status == ACKNOWLEDGED
        and told.action == TRIGGER
        and incident.acknowledged_by != ""
        and incident.acknowledged_at_ms >= told.notified_at_ms
        and incident.acknowledged_at_ms != told.acknowledged_at_ms
    )


def _snoozed(incident: Incident) -> Due:
    until_ms = incident.snoozed_until_ms
    return Due(reasons.SNOOZED, until_ms=until_ms, facts={"until": instant(until_ms)})


def instant(at_ms: int) -> str:
    """An instant for people: 2026-03-08T07:30:00Z; none later than the year 9999."""
    return datetime.fromtimestamp(min(at_ms // 1000, _LAST_S), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
