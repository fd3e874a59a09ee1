"""Which open incidents lie near an alert: along the catalog's graph, at the same place, lately.

Candidates are found by place (the values of `same`) and service, never by looking at all open
incidents: a place remembers per service the last SIGHTINGS_MAX incidents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from pipeline.domain.catalog import Service
from pipeline.stages.correlate.tables import PlaceRow, Sighting

SIGHTINGS_MAX: Final = 8
"""Incidents remembered per place and service: the latest seen."""

PLACE_SERVICES_MAX: Final = 1_000
"""Services remembered per place: at the limit those of the older half are forgotten, and
alerts near them open incidents of their own."""

TIDY_EVERY: Final = 50
"""With every so many services more, a place is searched for stale ones."""

NEIGHBOURS_MAX: Final = 500
"""Services near one service, the nearest first; farther ones are not linked to it."""

CACHED_MAX: Final = 1_000
"""Services whose neighbours are kept; at the limit all are searched for anew."""


class Near(Struct, frozen=True, order=True):
    """One candidate; the least is the best: few hops, then little time apart, then lately."""

    hops: int
    apart_ms: int
    since: int
    incident_id: str
    service: str


class Graph:
    """The catalog's services as an undirected graph; `neighbours` are cached per service."""

    def __init__(self, services: Iterable[Service], hops: int) -> None:
        self._hops = hops
        self._links: dict[str, dict[str, None]] = {}
        self._near: dict[str, dict[str, int]] = {}
        for service in services:
            links = self._links.setdefault(service.name, {})
            for needed in service.dependencies:
                links[needed] = None
                self._links.setdefault(needed, {})[service.name] = None

    def neighbours(self, service: str) -> Mapping[str, int]:
        """The services at most `hops` away with their distance, itself included; none for a
        service that the catalog does not name.
        """
        known = self._near.get(service)
        if known is None:
            if service not in self._links:
                return {}
            if len(self._near) >= CACHED_MAX:
                self._near.clear()
            known = self._near[service] = self._search(service)
        return known

    def _search(self, service: str) -> dict[str, int]:
        found = {service: 0}
        edge = [service]
        for distance in range(1, self._hops + 1):
            reached = []
            for name in edge:
                # Sorted, so that what the limit leaves out does not depend on how the catalog
                # came to be in this order.
                for other in sorted(self._links[name]):
                    if other not in found:
                        if len(found) >= NEIGHBOURS_MAX:
                            return found
                        found[other] = distance
                        reached.append(other)
            edge = reached
        return found


def candidates(
    place: PlaceRow | None, near: Mapping[str, int], at_ms: int, gap_ms: int
) -> list[Near]:
    """The incidents within reach in space and time, the best first."""
    if place is None:
        return []
    found = []
    is_sparse = len(place.services) < len(near)
    for service in place.services if is_sparse else near:
        hops = near.get(service)
        if hops is None:
            continue
        for seen in place.services.get(service, ()):
            apart = max(at_ms - seen.last_at_ms, seen.first_at_ms - at_ms, 0)
            if apart <= gap_ms:
                found.append(Near(hops, apart, -seen.last_at_ms, seen.incident_id, service))
    found.sort()
    return found


def sighted(
    place: PlaceRow | None, service: str, incident_id: str, at_ms: int, now_ms: int, gap_ms: int
) -> PlaceRow:
    """The place with one more alert of an incident at a service."""
    services = dict(place.services) if place else {}
    is_new = service not in services
    kept, first, last = [], at_ms, at_ms
    for seen in services.get(service, ()):
        if seen.incident_id == incident_id:
            first, last = min(first, seen.first_at_ms), max(last, seen.last_at_ms)
        else:
            kept.append(seen)
    kept.append(Sighting(incident_id, first, last))
    services[service] = tuple(kept[-SIGHTINGS_MAX:])
    if is_new and len(services) % TIDY_EVERY == 0:
        services = _tidied(services, at_ms - 2 * gap_ms)
    return PlaceRow(now_ms, services)


def _tidied(
    services: dict[str, tuple[Sighting, ...]], since_ms: int
) -> dict[str, tuple[Sighting, ...]]:
    fresh = {n: seen for n, seen in services.items() if seen[-1].last_at_ms >= since_ms}
    if len(fresh) >= PLACE_SERVICES_MAX:
        latest = sorted(fresh, key=lambda name: (-fresh[name][-1].last_at_ms, name))
        keep = frozenset(latest[: PLACE_SERVICES_MAX // 2])
        fresh = {name: seen for name, seen in fresh.items() if name in keep}
    return fresh
