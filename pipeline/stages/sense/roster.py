"""Roster: which series of a scope are followed, how many may be, and when one is forgotten."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from pipeline.domain.stage import Context
from pipeline.stages.sense import reasons
from pipeline.stages.sense.tables import ALARMS, OPEN, ROSTER, SERIES, OpenRow, RosterRow

SERIES_MAX: Final = 1_000
"""Series of one scope, some 3 KB each; at the limit no further one is followed until one of them
is forgotten."""

_DAY_MS: Final = 86_400_000
FORGET_MS: Final = 30 * _DAY_MS
FORGET_NEW_MS: Final = 2 * _DAY_MS
"""A quiet series is forgotten after so long; sooner where there was something in one window alone,
so that names which come once make room."""

KNOWN_POINTS: Final = 2


def enter(key: str, row: OpenRow, ctx: Context) -> bool:
    """Take a new series in; False where the scope has as many as it may have."""
    rosters = ctx.table(ROSTER)
    scope = f"{key.partition('/')[0]}/"
    roster = rosters.get(scope) or RosterRow()
    if roster.count >= SERIES_MAX:
        ctx.reason(reasons.FULL, most=SERIES_MAX, series=row.text)
        return False
    rosters.put(scope, replace(roster, count=roster.count + 1))
    return True


def forgets_at_ms(row: OpenRow) -> int:
    """When a series is forgotten that stays quiet from now on."""
    return row.window.at_ms + (FORGET_MS if row.points >= KNOWN_POINTS else FORGET_NEW_MS)


def forget(key: str, ctx: Context) -> None:
    """Let go of a series, and of its alarm."""
    rosters = ctx.table(ROSTER)
    scope = f"{key.partition('/')[0]}/"
    ctx.table(OPEN).delete(key)
    ctx.table(SERIES).delete(key)
    ctx.table(ALARMS).delete(key)
    roster = rosters.get(scope) or RosterRow()
    if roster.count > 1 or roster.graph_at_ms:
        rosters.put(scope, replace(roster, count=max(0, roster.count - 1)))
    else:
        rosters.delete(scope)
    ctx.reason(reasons.FORGOTTEN)
