"""What surrounds a service: what it needs, who needs it, when it was changed last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.domain.catalog import Service
from pipeline.domain.foresight import NEAR_MAX, NEVER
from pipeline.domain.stage import Context

DEPENDENTS_MAX: Final = 16
"""Services that are asked about since one they need had an alert; of more the first by name."""


class Around:
    """The catalog turned round; made anew when it has changed."""

    def __init__(self) -> None:
        self._catalog: Mapping[str, Service] | None = None
        self._dependents: dict[str, tuple[str, ...]] = {}

    def dependents(self, service: str, ctx: Context) -> tuple[str, ...]:
        """The services that need this one."""
        catalog: Mapping[str, Service] = ctx.lookup("services")
        if catalog is not self._catalog:
            self._catalog = catalog
            found: dict[str, list[str]] = {}
            for name in sorted(catalog):
                for needed in dict.fromkeys(catalog[name].dependencies):
                    found.setdefault(needed, []).append(name)
            self._dependents = {name: tuple(who[:DEPENDENTS_MAX]) for name, who in found.items()}
        return self._dependents.get(service, ())


def needs(service: str, ctx: Context) -> tuple[str, ...]:
    """The services that this one needs, as the catalog has them."""
    entry: Service | None = ctx.lookup("services").get(service)
    return () if entry is None else tuple(dict.fromkeys(entry.dependencies))[:NEAR_MAX]


def team(service: str, ctx: Context) -> str:
    """Who owns it; "" where that is not known."""
    entry: Service | None = ctx.lookup("services").get(service)
    return "" if entry is None else entry.team


def changed_at_ms(service: str, ctx: Context) -> int:
    """When it was changed last, of what has happened; NEVER where nothing is known."""
    change: Any = ctx.lookup("changes").get(service)
    entries = () if change is None else change.entries
    return max((each.at_ms for each in entries if 0 < each.at_ms <= ctx.now_ms), default=NEVER)
