"""Whether an incident is held back as quiet, until when, and what ends that. Pure.

It begins only before anybody was told; once it has ended it does not begin
again, so an incident that comes back after it was held through is told at once. While it lasts,
whatever speaks against it ends it: a rise in severity, a person who asks, a model that is no
longer sure.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.domain.alert import severity_rank
from pipeline.domain.command import Command
from pipeline.domain.incident import Incident
from pipeline.domain.matchers import label_set_of_incident, matches, parse_all
from pipeline.domain.stage import Update
from pipeline.stages.route.config import CRITICAL, Pause

ENDING: Final = frozenset({"page", "override", "reassign", "merge"})
"""Commands by which people say that somebody is needed."""


class Paused(Struct, frozen=True):
    """Until when it is held back (0: it never was), how severe it was when that began, and what
    ended it ("": it still is, or never was).
    """

    until_ms: int = 0
    severity: str = ""
    ended: str = ""


NEVER: Final = Paused()


class Policy:
    """What the section `pause` allows."""

    def __init__(self, pause: Pause) -> None:
        self.pause = pause
        self._matchers = parse_all(pause.match)

    @property
    def is_on(self) -> bool:
        """Whether anything may be held back at all."""
        return bool(self.pause.severities)

    def allows(self, incident: Incident) -> bool:
        """Whether this one may be, as it is now."""
        return (
            incident.severity in self.pause.severities
            and incident.classification.severity.label != CRITICAL
            and incident.classification.quiet_head != ""
            and matches(self._matchers, label_set_of_incident(incident))
        )


def decide(event: Update, policy: Policy, learned_ms: int, now_ms: int) -> Paused:
    """Look at an incident that is open; `learned_ms` is how long such ones last (0: unknown)."""
    incident = event.incident
    routing = incident.routing
    if not routing.paused_until_ms:
        if routing.deliveries or not learned_ms or not policy.allows(incident):
            return NEVER
        if isinstance(event.cause, Command) and event.cause.kind in ENDING:
            return NEVER
        until_ms = now_ms + min(learned_ms, int(policy.pause.longest))
        return Paused(until_ms, incident.severity)
    begun = Paused(routing.paused_until_ms, routing.paused_severity)
    ended = _ended(event, begun, policy, now_ms)
    return Paused(min(begun.until_ms, now_ms), begun.severity, ended) if ended else begun


def kept(incident: Incident) -> Paused:
    """As the incident has it, which is over."""
    return Paused(incident.routing.paused_until_ms, incident.routing.paused_severity, "it is over")


def _ended(event: Update, begun: Paused, policy: Policy, now_ms: int) -> str:
    incident, cause = event.incident, event.cause
    if begun.until_ms <= now_ms:
        return "it fires on"
    if severity_rank(incident.severity) > severity_rank(begun.severity):
        return f"it went from {begun.severity} to {incident.severity}"
    if isinstance(cause, Command) and cause.kind in ENDING:
        return f"{cause.author} wants it told"
    if not policy.allows(incident):
        return "nothing says any more that it is quiet"
    return ""
