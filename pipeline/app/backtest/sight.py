"""Sight: the state of one run, as those who compare look at it between two epochs."""

from __future__ import annotations

from typing import Final

from pipeline.codec import StateCodec
from pipeline.domain.incident import Incident
from pipeline.domain.stage import INCIDENTS
from pipeline.domain.store import Store
from pipeline.stages.correlate.tables import ALERTS

MERGES_MAX: Final = 20
"""So many merges in a row are followed."""

_incidents: Final = StateCodec(INCIDENTS)
_alerts: Final = StateCodec(ALERTS)


class Sight:
    """Looks into the store of a deciding task; sees what is committed there."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def incident(self, incident_id: str) -> Incident | None:
        """An incident as it is now."""
        raw = self._store.get(INCIDENTS.name, incident_id)
        return None if raw is None else _incidents.decode(raw)

    def holder(self, scope_id: str, fingerprint: str) -> str:
        """The incident that holds an alert, merges followed; "" where none does."""
        raw = self._store.get(ALERTS.name, f"{scope_id}/{fingerprint}")
        found = "" if raw is None else _alerts.decode(raw).incident_id
        for _ in range(MERGES_MAX):
            incident = self.incident(found) if found else None
            if incident is None or not incident.merged_into:
                break
            found = incident.merged_into
        return found

    def holders(self, incident: Incident) -> list[str]:
        """The incidents that hold the alerts that another run's incident lists, each once."""
        found = (self.holder(incident.scope_id, ref.fingerprint) for ref in incident.alerts)
        return list(dict.fromkeys(each for each in found if each))

    def silence(self, incident_id: str, receiver: str) -> str:
        """Why a receiver is not told of an incident just now, in the words of its reasons."""
        incident = self.incident(incident_id)
        if incident is None:
            return "no alert of it opened an incident"
        held = incident.routing.held
        names = [each.reason for each in held if each.receiver == receiver]
        names = names or [each.reason for each in held]
        for line in reversed(incident.reasons):
            if line.reason in names:
                return line.text
        told = [each.receiver for each in incident.routing.deliveries]
        if receiver in told:
            return f"{receiver} had been told of it before"
        return f"it went to {', '.join(told)}" if told else "nobody was to be told"
