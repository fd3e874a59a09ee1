"""Finding and noting where alerts belong: groups by key, incidents by place and service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.alert import Alert
from pipeline.domain.catalog import Service
from pipeline.domain.stage import Context
from pipeline.stages.correlate import wakes
from pipeline.stages.correlate.config import CorrelateConfig
from pipeline.stages.correlate.dependency import Graph, Near, candidates, sighted
from pipeline.stages.correlate.grouping import KEY_SIZE_MAX, Group, Grouping, bounded
from pipeline.stages.correlate.incident import Case
from pipeline.stages.correlate.ledger import Ledger
from pipeline.stages.correlate.tables import GROUPS, PLACES, GroupRow, PlaceRow

TRIED_MAX: Final = 8
"""So many of the nearest candidates are looked at; older ones of them may be closed."""

PLACE_KEPT_MS: Final = 3_600_000
"""A place unseen for so long, and for twice the gap, is forgotten."""


NEARBY_MAX: Final = 2
"""Incidents nearby that one alert can bring together; a third follows with a later alert."""


class Nearby(Struct, frozen=True):
    """An open incident nearby, and how near it is."""

    near: Near
    case: Case


class Findings(Struct, frozen=True):
    """What is known about where an alert belongs, before anything is decided.

    `place_key` is "" where its service is in no catalog, or dependencies do not matter. `nearby`
    are different incidents, none of them its group's, the best first.
    """

    group: Group | None
    group_row: GroupRow | None
    grouped: Case | None
    place_key: str
    place: PlaceRow | None
    nearby: tuple[Nearby, ...] = ()


class Search:
    """The rules and the catalog's graph, and the rows that remember groups and places."""

    def __init__(self, config: CorrelateConfig) -> None:
        self._config = config
        self._grouping = Grouping(config.rules)
        dependency = config.dependency
        self._dependency = dependency
        self._same = dependency.same if dependency else ()
        self._catalog: Mapping[str, Service] | None = None
        self._graph = Graph((), 0)

    def find(
        self, alert: Alert, at_ms: int, own: Case | None, ledger: Ledger, ctx: Context
    ) -> Findings:
        """The alert's group with its incident, and the best open incidents nearby that are not
        its group's; where its `own` is still open, nothing nearby matters.
        """
        group = self._grouping.find(alert)
        row = grouped = None
        if group is not None:
            row = ctx.table(GROUPS).get(f"{ledger.scope}/{group.key}")
            # An open group keeps the gap of the rule that opened it.
            if row is not None and row.gap_ms:
                is_apart = (
                    at_ms > row.last_at_ms + row.gap_ms or at_ms < row.first_at_ms - row.gap_ms
                )
                row = None if is_apart else row
            if row is not None:
                grouped = ledger.find(row.incident_id)
        neighbours = self._neighbours(alert.service, ctx)
        place_key = self._place_key(alert, ledger.scope) if neighbours else ""
        place = ctx.table(PLACES).get(place_key) if place_key else None
        found = Findings(group, row, grouped, place_key, place)
        if self._dependency is None or (own is not None and own.incident.is_open):
            return found
        apart_from = grouped.incident.incident_id if grouped else ""
        within = candidates(place, neighbours, at_ms, int(self._dependency.gap))
        return replace(found, nearby=self._best(within, apart_from, ledger))

    def note(
        self,
        at_ms: int,
        service: str,
        found: Findings,
        case: Case,
        ctx: Context,
        *,
        is_opened: bool,
    ) -> None:
        """Remember that the alert's group and place lead to this incident.

        With a new incident the group begins anew, under the rule as it is now.
        """
        incident_id, scope = case.incident.incident_id, case.incident.scope_id
        if found.group is not None:
            row = None if is_opened else found.group_row
            self._note_group(found.group, row, at_ms, incident_id, ctx, scope)
        if found.place_key and self._dependency is not None:
            gap_ms = int(self._dependency.gap)
            place = sighted(found.place, service, incident_id, at_ms, ctx.now_ms, gap_ms)
            ctx.table(PLACES).put(found.place_key, place)
            if found.place is None:
                due = ctx.now_ms + self._place_kept_ms()
                ctx.wake_at(wakes.name(wakes.PLACE, found.place_key), due)

    def wake_group(self, key: str, ledger: Ledger, ctx: Context) -> None:
        """Forget a group that can take no alert any more, or look again later."""
        row = ctx.table(GROUPS).get(key)
        if row is None:
            return
        case = ledger.find(row.incident_id)
        is_open = case is not None and case.incident.is_open
        due = row.seen_at_ms + row.gap_ms + self._config.reopen
        if ctx.now_ms >= due and not (is_open and row.gap_ms == 0):
            ctx.table(GROUPS).delete(key)
        else:
            again = max(due, ctx.now_ms + max(self._config.reopen, 60_000))
            ctx.wake_at(wakes.name(wakes.GROUP, key), due if due > ctx.now_ms else again)

    def wake_place(self, key: str, ctx: Context) -> None:
        """Forget a place where nothing has been seen lately, or look again later."""
        row = ctx.table(PLACES).get(key)
        if row is None:
            return
        due = row.seen_at_ms + self._place_kept_ms()
        if ctx.now_ms >= due:
            ctx.table(PLACES).delete(key)
        else:
            ctx.wake_at(wakes.name(wakes.PLACE, key), due)

    def _note_group(
        self,
        group: Group,
        row: GroupRow | None,
        at_ms: int,
        incident_id: str,
        ctx: Context,
        scope: str,
    ) -> None:
        key = f"{scope}/{group.key}"
        table = ctx.table(GROUPS)
        if row is None:
            due = ctx.now_ms + group.gap_ms + self._config.reopen
            ctx.wake_at(wakes.name(wakes.GROUP, key), max(due, ctx.now_ms + 1))
            row = GroupRow(
                incident_id, group.rule, group.gap_ms, at_ms, at_ms, ctx.now_ms, group.version
            )
        else:
            row = replace(
                row,
                incident_id=incident_id,
                first_at_ms=min(row.first_at_ms, at_ms),
                last_at_ms=max(row.last_at_ms, at_ms),
                seen_at_ms=ctx.now_ms,
            )
        table.put(key, row)

    def _best(self, within: list[Near], apart_from: str, ledger: Ledger) -> tuple[Nearby, ...]:
        """The first candidates that are open and reach so far."""
        found: dict[str, Nearby] = {}
        for near in [one for one in within if one.incident_id != apart_from][:TRIED_MAX]:
            if near.incident_id in found:
                continue
            case = ledger.find(near.incident_id)
            if case is None or not case.incident.is_open or not self._reaches(case, near):
                continue
            incident_id = case.incident.incident_id  # another one where it was merged
            if incident_id != apart_from:
                found.setdefault(incident_id, Nearby(near, case))
            if len(found) == NEARBY_MAX:
                break
        return tuple(found.values())

    def _reaches(self, case: Case, near: Near) -> bool:
        """Whether an incident of this size takes in what is so far from it."""
        small = self._dependency.small if self._dependency else None
        if small is None or case.row.alerts >= small.alerts:
            return True
        return near.hops <= small.hops and near.apart_ms <= small.gap

    def _neighbours(self, service: str, ctx: Context) -> Mapping[str, int]:
        """The services within reach; the graph is made anew when the catalog has changed."""
        if self._dependency is None or not service:
            return {}
        catalog = ctx.lookup("services")
        if catalog is not self._catalog:
            self._catalog = catalog
            self._graph = Graph(catalog.values(), self._dependency.hops)
        return self._graph.neighbours(service)

    def _place_key(self, alert: Alert, scope: str) -> str:
        place = "\x1f".join(alert.text(name) for name in self._same)
        return f"{scope}/{bounded(place) if len(place) > KEY_SIZE_MAX else place}"

    def _place_kept_ms(self) -> int:
        gap_ms = int(self._dependency.gap) if self._dependency else 0
        return max(PLACE_KEPT_MS, 2 * gap_ms)
