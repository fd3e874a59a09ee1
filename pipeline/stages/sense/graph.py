"""Graph: what precedes what in a scope, made of the rows of its alarms and published.

To make it costs a look at each alarm of the scope, so it is made at most once in EVERY_MS, by a
wake that is spread over the scopes, and published where it has changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from zlib import crc32

import msgspec
from msgspec.structs import replace

from pipeline.domain.incident import Preceded
from pipeline.domain.outcome import ModelRecord
from pipeline.domain.precedence import GRAPH_PREFIX, LINKS_MAX, Graph, Link, Precedes
from pipeline.domain.stage import Context
from pipeline.stages.sense import reasons
from pipeline.stages.sense.tables import ALARMS, GRAPHS, ROSTER, GraphRow, RosterRow

MODELS: Final = "models"

EVERY_MS: Final = 600_000
DAY_MS: Final = 86_400_000

SAID_STRENGTH_MIN: Final = 2.0
SAID_SHARE_MIN: Final = 0.5
"""What is told on incidents: a direct cause, well beyond chance, before at least half of them."""

GRAIN_MS: Final = 1_000
"""Gaps are said to the second, as fine as most senders know when something began."""

READY_MAX: Final = 64
"""Graphs held ready; at the limit the one that was asked longest ago is read again when asked."""

_encode: Final = msgspec.msgpack.Encoder().encode

Causes = tuple[tuple[str, Preceded], ...]


class Published:
    """The graphs of one task's scopes. What it holds ready follows from the table alone."""

    def __init__(self, precedes: Precedes) -> None:
        self._precedes = precedes
        self._ready: dict[str, tuple[GraphRow, dict[str, Causes]]] = {}

    def changes(self, scope: str, tenant: str, values: tuple[str, ...], ctx: Context) -> None:
        """Something was learned of a scope: its graph is made anew before long."""
        key = f"{scope}/"
        roster = ctx.table(ROSTER).get(key) or RosterRow()
        if not roster.graph_at_ms:
            self._ask(key, replace(roster, tenant=tenant, values=values), ctx)

    def forgets(self, scope: str, ctx: Context) -> None:
        """An alarm of a scope is forgotten: a graph that may name it is made anew."""
        key = f"{scope}/"
        roster = ctx.table(ROSTER).get(key)
        if roster and not roster.graph_at_ms and ctx.table(GRAPHS).get(key):
            self._ask(key, roster, ctx)

    def wake(self, key: str, ctx: Context) -> None:
        """Make the graph of a scope, and publish it where it is another one."""
        rosters, graphs = ctx.table(ROSTER), ctx.table(GRAPHS)
        roster = rosters.get(key)
        if roster is None:
            return
        if roster.count:
            rosters.put(key, replace(roster, graph_at_ms=0))
        else:
            rosters.delete(key)
        alarms = {row_key[len(key) :]: row for row_key, row in ctx.table(ALARMS).scan(key)}
        places, found = self._precedes.links(alarms, ctx.now_ms // DAY_MS)
        links = _rounded(found[:LINKS_MAX])
        count = 1 + max((max(each.cause, each.effect) for each in links), default=-1)
        ids = tuple(places)[:count]
        graph = Graph(
            scope_id=key[:-1],
            tenant=roster.tenant,
            values=roster.values,
            at_ms=ctx.now_ms,
            alarms=tuple(alarms[each].name for each in ids),
            links=links,
        )
        before = graphs.get(key)
        if before is None and not links:
            return
        if before is not None and replace(before.graph, at_ms=graph.at_ms) == graph:
            return
        if links:
            graphs.put(key, GraphRow(ids, graph))
        else:
            graphs.delete(key)
        name = f"{GRAPH_PREFIX}{graph.scope_id}"
        ctx.emit(MODELS, name, ModelRecord(model=name, body=_encode(graph)))
        ctx.reason(reasons.GRAPH)

    def causes(self, scope: str, alarm: str, ctx: Context) -> Causes:
        """What usually precedes an alarm directly, with the cause's id."""
        row = ctx.table(GRAPHS).get(f"{scope}/")
        if row is None:
            return ()
        ready = self._ready.pop(scope, None)
        if ready is None or ready[0] is not row:
            ready = row, _by_effect(row)
            if len(self._ready) >= READY_MAX:
                del self._ready[next(iter(self._ready))]
        self._ready[scope] = ready
        return ready[1].get(alarm, ())

    def _ask(self, key: str, roster: RosterRow, ctx: Context) -> None:
        at_ms = ctx.now_ms + EVERY_MS + crc32(key.encode()) % EVERY_MS
        ctx.table(ROSTER).put(key, replace(roster, graph_at_ms=at_ms))
        ctx.wake_at(key, at_ms)


def _rounded(links: Iterable[Link]) -> tuple[Link, ...]:
    """As fine as people read it, so that not every alarm makes another graph."""
    return tuple(
        replace(
            each,
            strength=round(each.strength, 1),
            usual_ms=each.usual_ms - each.usual_ms % GRAIN_MS,
            share=round(each.share, 2),
        )
        for each in links
    )


def _by_effect(row: GraphRow) -> dict[str, Causes]:
    found: dict[str, Causes] = {}
    names = row.graph.alarms
    for each in row.graph.links:
        if each.is_direct and each.strength >= SAID_STRENGTH_MIN and each.share >= SAID_SHARE_MIN:
            told = Preceded(
                cause=names[each.cause],
                effect=names[each.effect],
                usual_ms=each.usual_ms,
                strength=each.strength,
            )
            effect = row.ids[each.effect]
            found[effect] = (*found.get(effect, ()), (row.ids[each.cause], told))
    return found
