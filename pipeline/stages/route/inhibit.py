"""Inhibition: while one incident of a scope fires, it mutes what it explains in others.

As Alertmanager has it: an alert that matches both sides of an inhibition is not muted by one that
does so too (nor by itself). An incident never mutes its own alerts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from pipeline.domain.ids import digest64
from pipeline.domain.incident import Incident
from pipeline.domain.matchers import parse_all
from pipeline.stages.route.config import DEFAULT_SCOPE, INHIBITIONS_MAX, Inhibition
from pipeline.stages.route.firing import OWN, FiringAlert, firing_alerts
from pipeline.stages.route.tables import Fact

FACTS_MAX: Final = 50
"""Facts that one incident inhibits by; further ones mute nothing."""

SOURCES_MAX: Final = 500
"""Incidents of one scope that inhibit at the same time; further ones mute nothing."""


class Compiled:
    """One inhibition, ready to be asked. Its id derives from what it says, so that state made
    under a file in another order still means the same.
    """

    __slots__ = ("equal", "inhibition_id", "name", "names", "source", "target")

    def __init__(self, inhibition: Inhibition, position: int) -> None:
        self.source = parse_all(inhibition.source)
        self.target = parse_all(inhibition.target)
        self.equal = tuple(sorted(set(inhibition.equal)))
        self.name = inhibition.name or str(position)
        texts = (" ".join(map(str, side)) for side in (self.source, self.target))
        self.names = {m.name for m in (*self.source, *self.target)} | set(self.equal)
        self.inhibition_id = digest64(*texts, *self.equal)


class Inhibitions:
    """The section `inhibit`. Raises ValueError for more than INHIBITIONS_MAX."""

    def __init__(
        self, inhibitions: Iterable[Inhibition], scope: Collection[str] = DEFAULT_SCOPE
    ) -> None:
        self._scope = scope
        self._all = [Compiled(each, at) for at, each in enumerate(inhibitions, 1)]
        if len(self._all) > INHIBITIONS_MAX:
            raise ValueError(f"inhibit: {len(self._all)} of them, {INHIBITIONS_MAX} are allowed")
        asked = {name for each in self._all for name in each.names}
        self._fields = tuple(
            field for field in OWN if field in asked or (field == "name" and "alertname" in asked)
        )

    def __bool__(self) -> bool:
        return bool(self._all)

    def facts(self, incident: Incident) -> tuple[Fact, ...]:
        """What an incident inhibits by; tests inhibit nothing."""
        found: dict[Fact, None] = {}
        if incident.is_test:
            return ()
        for alert in firing_alerts(incident, self._scope, self._fields):
            for each in self._all:
                if not alert.matches(each.source):
                    continue
                equal = alert.values(each.equal)
                if equal is not None:
                    found[Fact(each.inhibition_id, equal, alert.matches(each.target))] = None
        return tuple(found)[:FACTS_MAX]

    def inhibitor(
        self, alert: FiringAlert, sources: Iterable[tuple[str, tuple[Fact, ...]]]
    ) -> tuple[str, str] | None:
        """The first incident that mutes an alert, and the inhibition's name; or None.

        `sources` are the other incidents of the scope, in their order.
        """
        wanted: dict[tuple[str, tuple[str, ...]], tuple[str, bool]] = {}
        for each in self._all:
            if alert.matches(each.target):
                equal = alert.values(each.equal)
                if equal is not None:
                    is_source = alert.matches(each.source)
                    wanted.setdefault((each.inhibition_id, equal), (each.name, is_source))
        if not wanted:
            return None
        for incident_id, facts in sources:
            for fact in facts:
                found = wanted.get((fact.inhibition_id, fact.equal))
                if found is not None and not (found[1] and fact.is_target):
                    return incident_id, found[0]
        return None
