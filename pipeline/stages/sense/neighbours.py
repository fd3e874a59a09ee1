"""Neighbours: the services that need a service or that it needs, by the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.domain.catalog import Service
from pipeline.domain.incident import Incident
from pipeline.domain.stage import Context

NEIGHBOURS_MAX: Final = 8
"""Of one service; what it needs comes before what needs it."""


class Neighbours:
    """The catalog as who is near whom. Made anew when the catalog has changed."""

    def __init__(self) -> None:
        self._seen: Mapping[str, Any] | None = None
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, service: str, incident: Incident, ctx: Context) -> tuple[str, ...]:
        """Services near one; those of its incident are, whatever the catalog says."""
        services: Mapping[str, Service] = ctx.lookup("services")
        if services is not self._seen:
            self._seen, self._known = services, _near(services)
        near = dict.fromkeys((*self._known.get(service, ()), *incident.services))
        near.pop(service, None)
        return tuple(near)[:NEIGHBOURS_MAX]


def _near(services: Mapping[str, Service]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for name in sorted(services):
        for needed in services[name].dependencies:
            found.setdefault(name, {})[needed] = None
    for name in sorted(services):
        for needed in services[name].dependencies:
            found.setdefault(needed, {})[name] = None
    return {name: tuple(near)[:NEIGHBOURS_MAX] for name, near in found.items()}
