"""Where an alert that begins to fire belongs, given what is known of it. Pure.

Open incidents come before closed ones, so that one trouble pages once: its own, its group's,
one nearby; then its own or its group's is opened again if that resolved lately; else it opens
a new one. Where it leads to two open incidents, by its group and a dependency or by dependencies
alone, both are one: the younger is merged into the older. So it does not matter which of a chain
of services complains first.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from msgspec import Struct

from pipeline.domain.reason import Reason
from pipeline.stages.correlate import reasons
from pipeline.stages.correlate.grouping import GROUP_KEY, Group
from pipeline.stages.correlate.incident import Case


class Way(Enum):
    """How the alert comes to its incident."""

    JOIN = "join"
    REOPEN = "reopen"
    OPEN = "open"
    OVERFLOW = "overflow"


class Placement(Struct, frozen=True):
    """The way, its reason, the incident (None: a new one), and one to be merged with it."""

    way: Way
    reason: Reason
    case: Case | None = None
    merges: Case | None = None


def decide(
    own: Case | None,
    grouped: Case | None,
    nearby: Sequence[Case],
    group: Group | None,
    reopen_from_ms: int,
    *,
    is_full: bool,
    is_learned: bool = False,
) -> Placement:
    """Choose among the alert's own last incident, its group's and others nearby, the best first.

    `reopen_from_ms`: an incident closed before this stays closed. `is_full`: the scope has as
    many open incidents as it may have. `is_learned`: a model found those nearby, not the rule.
    """
    is_explicit = group is not None and group.rule == GROUP_KEY
    joined = reasons.JOINED_KEY if is_explicit else reasons.JOINED_RULE
    if own is not None and own.incident.is_open:
        return Placement(Way.JOIN, reasons.RETURNED, own)
    if grouped is not None and grouped.incident.is_open:
        return Placement(Way.JOIN, joined, grouped, nearby[0] if nearby else None)
    if nearby:
        other = nearby[1] if len(nearby) > 1 else None
        why = reasons.JOINED_LINK if is_learned else reasons.JOINED_DEPENDENCY
        return Placement(Way.JOIN, why, nearby[0], other)
    if is_full:
        return Placement(Way.OVERFLOW, reasons.OVERFLOW)
    for closed in (own, grouped):
        if closed is not None and closed.row.closed_at_ms >= reopen_from_ms:
            return Placement(Way.REOPEN, reasons.REOPENED, closed)
    return Placement(Way.OPEN, reasons.OPENED)
