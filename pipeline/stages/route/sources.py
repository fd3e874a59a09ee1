"""The books of inhibition: which incidents of a scope mute others, and whom they hold back.

When a source ends, those that it held back are woken at once and look for themselves.
"""

from __future__ import annotations

from itertools import islice

from pipeline.domain.incident import Incident
from pipeline.domain.stage import Context
from pipeline.stages.route import reasons
from pipeline.stages.route.inhibit import SOURCES_MAX
from pipeline.stages.route.tables import HELD_BACK, SOURCES, Fact, HeldBack, Source

RELEASED_MAX = 1_000
"""Incidents woken at once when a source ends; the others look again within a minute."""


def note(incident: Incident, facts: tuple[Fact, ...], ctx: Context) -> None:
    """Remember what an incident inhibits by now; release whom it held back by what is gone."""
    table = ctx.table(SOURCES)
    key = f"{incident.scope_id}/{incident.incident_id}"
    row = table.get(key)
    before = row.facts if row is not None else ()
    if before == facts:
        return
    if not facts:
        table.delete(key)
    elif before or _has_room(incident.scope_id, ctx):
        table.put(key, Source(facts))
    else:
        ctx.reason(reasons.SOURCES_FULL, incident_id=incident.incident_id, most=SOURCES_MAX)
    if not set(before) <= set(facts):
        _release(incident, ctx)


def others(incident: Incident, ctx: Context) -> list[tuple[str, tuple[Fact, ...]]]:
    """The other incidents of the scope that inhibit, in the order of their ids."""
    prefix = f"{incident.scope_id}/"
    return [
        (key.removeprefix(prefix), row.facts)
        for key, row in islice(ctx.table(SOURCES).scan(prefix), SOURCES_MAX + 1)
        if key != prefix + incident.incident_id
    ]


def hold_back(incident: Incident, inhibitors: tuple[str, ...], ctx: Context) -> None:
    """Remember that an incident waits for others to end."""
    table = ctx.table(HELD_BACK)
    for source in inhibitors:
        key = f"{incident.scope_id}/{source}/{incident.incident_id}"
        if table.get(key) is None:
            table.put(key, HeldBack(ctx.now_ms))


def _has_room(scope_id: str, ctx: Context) -> bool:
    rows = islice(ctx.table(SOURCES).scan(f"{scope_id}/"), SOURCES_MAX)
    return sum(1 for _ in rows) < SOURCES_MAX


def _release(incident: Incident, ctx: Context) -> None:
    table = ctx.table(HELD_BACK)
    prefix = f"{incident.scope_id}/{incident.incident_id}/"
    for at, key in enumerate([key for key, _ in table.scan(prefix)]):
        table.delete(key)
        if at < RELEASED_MAX:
            ctx.wake_at(key.removeprefix(prefix), ctx.now_ms)
