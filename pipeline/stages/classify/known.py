"""Known: all that classify looks at in an incident and around it, gathered once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from pipeline.domain.alert import NAN, Alert
from pipeline.domain.catalog import Service
from pipeline.domain.incident import AlertRef, Incident
from pipeline.domain.model import Subject
from pipeline.domain.stage import Context, Update

TEXTS_MAX: Final = 12
"""The latest notes of people that are read."""

ANSWERS: Final = frozenset({"category", "team", "urgency", "impact", "tier"})
"""Labels that answer what is asked: a model that saw them would learn to repeat them, and know
nothing where they are missing. What the catalog says of owner and tier is given apart."""

_NONE: Final = AlertRef(fingerprint="", alert_id="", name="", severity="unknown", status="firing")


class Known(Struct, frozen=True):
    """An incident with the alert that opened it, and what catalog and changes say of its service.

    It is judged by the `first` alert that it lists: what follows is often a consequence, and
    would have it judged anew with each turn of a storm. `alert` is the one that came just now, if
    one did. `tier` is 0 where unknown, `change_age_ms` -1 where no change is known.
    """

    incident: Incident
    first: AlertRef
    alert: Alert | None
    team: str
    tier: int
    dependents_count: int
    change_age_ms: int
    now_ms: int

    @property
    def texts(self) -> tuple[str, ...]:
        """What people wrote on it, the latest last."""
        return tuple(note.text for note in self.incident.notes[-TEXTS_MAX:])

    def subject(self) -> Subject:
        """The incident as a model is asked about it."""
        incident, first, alert = self.incident, self.first, self.alert
        labels = incident.labels
        if not ANSWERS.isdisjoint(labels):
            labels = {name: text for name, text in labels.items() if name not in ANSWERS}
        return Subject(
            name=first.name or incident.title,
            description=first.description or incident.description,
            severity=incident.severity,
            source=labels.get("source", ""),
            service=first.service or incident.service,
            environment=incident.environment,
            region=incident.region,
            cluster=incident.cluster,
            namespace=labels.get("namespace", ""),
            host=labels.get("host", ""),
            metric=alert.metric if alert else "",
            value=alert.value if alert else NAN,
            threshold=alert.threshold if alert else NAN,
            labels=labels,
            tags=alert.tags if alert else (),
            texts=self.texts,
            owner=self.team,
            tier=self.tier,
            dependents_count=self.dependents_count,
            services_count=max(1, len(incident.services)),
            alerts_count=max(1, incident.alert_count),
            events_count=max(1, incident.event_count),
            reopened_count=incident.reopened_count,
            change_age_ms=self.change_age_ms,
            age_ms=max(0, self.now_ms - incident.opened_at_ms),
            at_ms=self.now_ms,
        )


class Surroundings:
    """The catalog turned round: who needs a service. Made anew when the catalog has changed."""

    def __init__(self) -> None:
        self._catalog: Mapping[str, Service] | None = None
        self._dependents: dict[str, int] = {}
        self.teams: frozenset[str] = frozenset()

    def look(self, event: Update, ctx: Context) -> Known:
        """Gather what is known of an incident now."""
        incident = event.incident
        services: Mapping[str, Service] = ctx.lookup("services")
        self.refresh(services)
        first = incident.alerts[0] if incident.alerts else _NONE
        service = services.get(incident.service) or services.get(first.service)
        team = incident.labels.get("team", "") or incident.annotations.get("team", "")
        tier = _whole(incident.labels.get("tier", "") or incident.annotations.get("tier", ""))
        return Known(
            incident=incident,
            first=first,
            alert=event.cause if isinstance(event.cause, Alert) else None,
            team=service.team if service is not None and service.team else team,
            tier=service.tier if service is not None and service.tier else tier,
            dependents_count=self._dependents.get(incident.service, 0),
            change_age_ms=_change_age_ms(ctx.lookup("changes").get(incident.service), ctx.now_ms),
            now_ms=ctx.now_ms,
        )

    def refresh(self, services: Mapping[str, Service]) -> None:
        """Take over the catalog as it is now, where it is another one than before."""
        if services is self._catalog:
            return
        self._catalog = services
        self._dependents = {}
        for service in services.values():
            for needed in dict.fromkeys(service.dependencies):
                self._dependents[needed] = self._dependents.get(needed, 0) + 1
        self.teams = frozenset(service.team for service in services.values() if service.team)


def _change_age_ms(change: Any, now_ms: int) -> int:
    """How long ago the latest change was that has happened; -1 where none is known."""
    if change is None:
        return -1
    happened = [entry.at_ms for entry in change.entries if 0 < entry.at_ms <= now_ms]
    return now_ms - max(happened) if happened else -1


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) <= 2 else 0  # noqa: PLR2004
