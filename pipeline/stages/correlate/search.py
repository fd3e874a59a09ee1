"""Finding and noting where alerts belong: groups by key, incidents by place and service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
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
from pipeline.stages.correlate.links import GAP_MS, HOPS, Judged, Links, Seen
from pipeline.stages.correlate.tables import GROUPS, PLACES, GroupRow, PlaceRow

TRIED_MAX: Final = 8
"""So many of the nearest candidates are looked at; older ones of them may be closed."""

PLACE_KEPT_MS: Final = 3_600_000
"""A place unseen for so long, and for twice the gap, is forgotten."""


NEARBY_MAX: Final = 2
"""Incidents nearby that one alert can bring together; a third follows with a later alert."""


class Nearby(Struct, frozen=True):
    """An open incident nearby, and how near it is; `chance` and `version` are a model's that says
    that it is one with the alert (-1: the rule says so).
    """

    near: Near
    case: Case
    chance: float = -1.0
    version: str = ""


class Findings(Struct, frozen=True):
    """What is known about where an alert belongs, before anything is decided.

    `place_key` is "" where its service is in no catalog, or dependencies do not matter. `nearby`
    are different incidents, none of them its group's, the best first. `judged` are those that a
    model was or could have been asked about.
    """

    group: Group | None
    group_row: GroupRow | None
    grouped: Case | None
    place_key: str
    place: PlaceRow | None
    nearby: tuple[Nearby, ...] = ()
    judged: tuple[Judged, ...] = ()

    @property
    def refused(self) -> Judged | None:
        """What the rule would have had the alert join, had a model not known better."""
        if self.nearby:
            return None
        return next((each for each in self.judged if each.is_learned and each.seen.is_ruled), None)


class Search:
    """The rules and the catalog's graph, and the rows that remember groups and places."""

    def __init__(self, config: CorrelateConfig, links: Links) -> None:
        self._config = config
        self._links = links
        self._grouping = Grouping(config.rules)
        dependency = config.dependency
        self._dependency = dependency
        self._same = dependency.same if dependency else ()
        self._hops, self._gap_ms = 0, 0
        if dependency is not None:
            wide = (HOPS, GAP_MS) if links.is_on else (0, 0)
            self._hops = max(dependency.hops, wide[0])
            self._gap_ms = max(int(dependency.gap), wide[1])
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
        within = candidates(place, neighbours, at_ms, self._gap_ms)
        if not within:
            return found
        if self._links.is_on:
            around = self._around(within, grouped, ledger)
            judged = self._links.judge(alert, at_ms, around, ctx)
            if judged and judged[0].is_learned:
                return replace(found, judged=judged, nearby=_likeliest(judged))
            found = replace(found, judged=judged)
        return replace(found, nearby=self._best(within, grouped, ledger))

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

    def lead(
        self,
        gone: Sequence[Alert],
        left: Sequence[Alert],
        old_id: str,
        new_id: str,
        ledger: Ledger,
        ctx: Context,
    ) -> None:
        """Have groups and services lead to another incident that all their alerts went over to."""
        kept = {group.key for alert in left if (group := self._grouping.find(alert))}
        groups, places = ctx.table(GROUPS), ctx.table(PLACES)
        for alert in gone:
            group = self._grouping.find(alert)
            key = f"{ledger.scope}/{group.key}" if group else ""
            row = groups.get(key) if group and group.key not in kept else None
            if row is not None and _leads(row.incident_id, old_id, ledger):
                groups.put(key, replace(row, incident_id=new_id))
        services = {alert.service for alert in gone} - {alert.service for alert in left}
        for key in dict.fromkeys(self._place_key(alert, ledger.scope) for alert in gone):
            place = places.get(key)
            if place is not None:
                led = {
                    name: tuple(
                        replace(each, incident_id=new_id)
                        if name in services and _leads(each.incident_id, old_id, ledger)
                        else each
                        for each in seen
                    )
                    for name, seen in place.services.items()
                }
                places.put(key, replace(place, services=led))

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

    def _best(self, within: list[Near], grouped: Case | None, ledger: Ledger) -> tuple[Nearby, ...]:
        """The first candidates that are open and that the rule reaches."""
        found: dict[str, Nearby] = {}
        own_id = grouped.incident.incident_id if grouped else ""
        ruled = (near for near in within if near.incident_id != own_id and self._is_ruled(near))
        for near in islice(ruled, TRIED_MAX):
            if near.incident_id in found:
                continue
            case = ledger.find(near.incident_id)
            if case is None or not case.incident.is_open or not self._reaches(case, near):
                continue
            others = [each.case for each in found.values()]
            if is_free(case, [*others, grouped] if grouped else others):
                found.setdefault(case.incident.incident_id, Nearby(near, case))
            if len(found) == NEARBY_MAX:
                break
        return tuple(found.values())

    def _around(self, within: list[Near], grouped: Case | None, ledger: Ledger) -> list[Seen]:
        """The open incidents among the first candidates, each as it is nearest."""
        found: dict[str, Seen] = {}
        own_id = grouped.incident.incident_id if grouped else ""
        for near in islice((one for one in within if one.incident_id != own_id), TRIED_MAX):
            case = ledger.find(near.incident_id)
            if case is None or not case.incident.is_open:
                continue
            if is_free(case, [grouped] if grouped else []):
                is_ruled = self._is_ruled(near) and self._reaches(case, near)
                seen = Seen(case, near.hops, near.apart_ms, near.service, is_ruled)
                known = found.setdefault(case.incident.incident_id, seen)
                if is_ruled and not known.is_ruled:
                    found[case.incident.incident_id] = replace(known, is_ruled=True)
        return list(found.values())

    def _is_ruled(self, near: Near) -> bool:
        """Whether the dependency's limits reach so far."""
        dependency = self._dependency
        return (
            dependency is not None
            and near.hops <= dependency.hops
            and near.apart_ms <= dependency.gap
        )

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
            self._graph = Graph(catalog.values(), self._hops)
        return self._graph.neighbours(service)

    def _place_key(self, alert: Alert, scope: str) -> str:
        place = "\x1f".join(alert.text(name) for name in self._same)
        return f"{scope}/{bounded(place) if len(place) > KEY_SIZE_MAX else place}"

    def _place_kept_ms(self) -> int:
        gap_ms = int(self._dependency.gap) if self._dependency else 0
        return max(PLACE_KEPT_MS, 2 * gap_ms)


def _leads(incident_id: str, to: str, ledger: Ledger) -> bool:
    """Whether an id is that of an incident, or of one that was merged into it."""
    case = ledger.find(incident_id)
    return case is not None and case.incident.incident_id == to


def is_free(case: Case, others: Iterable[Case]) -> bool:
    """Whether an incident is another one than these, and no person split it from one of them."""
    own_id = case.incident.incident_id
    for other in others:
        other_id = other.incident.incident_id
        if own_id == other_id or other_id in case.row.apart or own_id in other.row.apart:
            return False
    return True


def _likeliest(judged: Iterable[Judged]) -> tuple[Nearby, ...]:
    """Those that a model says are one with the alert, the likeliest first."""
    found: list[Nearby] = []
    # Sorting is stable: of equal chances the nearer comes first, as they were judged.
    for each in sorted((one for one in judged if one.is_same), key=lambda one: -one.chance):
        seen = each.seen
        if is_free(seen.case, [other.case for other in found]):
            near = Near(seen.hops, seen.apart_ms, 0, seen.case.incident.incident_id, seen.service)
            found.append(Nearby(near, seen.case, each.chance, each.version))
        if len(found) == NEARBY_MAX:
            break
    return tuple(found)
