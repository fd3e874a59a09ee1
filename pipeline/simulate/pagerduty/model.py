"""PagerDuty's rules for events, in memory: what a trigger, acknowledge or resolve comes to.

Identity is (routing_key, dedup_key). A trigger opens an alert in a new incident, or is appended
to the open one; acknowledge and resolve of nothing are taken and dropped. Pure: the caller hands
in the time, and the same calls give the same incidents with the same ids.

Bounds: the latest alert of each key is kept for ever, since "paged exactly once" hangs on it; at
`keys_max` keys a call with a new one gets `is_full` (the HTTP face answers 500 and says so).
Alerts keep the sent event until their incident is forgotten, together at most
`body_bytes_max` bytes; above that, newer alerts are kept without it.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal, NamedTuple

from pipeline.simulate.pagerduty.calls import KEYS_MAX, Effect
from pipeline.simulate.pagerduty.directory import Directory, Ids, Service
from pipeline.simulate.pagerduty.event_rules import Event
from pipeline.simulate.pagerduty.life import RESOLVED_MAX, Incidents, close_alert
from pipeline.simulate.pagerduty.records import Agent, Alert, Incident

BODY_BYTES_MAX: Final = 256 * 1024 * 1024
URGENCIES: Final = {"critical": "high", "error": "high", "warning": "low", "info": "low"}


class Applied(NamedTuple):
    """What an event came to."""

    effect: Effect
    dedup_key: str | None = None
    incident_id: str | None = None
    is_full: bool = False


class PagerDutyModel:
    """One PagerDuty account; `directory` and `incidents` are open for reading."""

    def __init__(
        self,
        keys_max: int = KEYS_MAX,
        resolved_max: int = RESOLVED_MAX,
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> None:
        self.ids = Ids()
        self.directory = Directory(self.ids)
        self.incidents = Incidents(self.directory, self.ids, resolved_max)
        self.incidents.forget = self._forget
        self.keys_max = keys_max
        self.body_bytes_max = body_bytes_max
        self._body_bytes = 0
        self._alerts: dict[tuple[str, str], Alert] = {}
        self._made_keys = 0

    def apply(self, event: Event, now_ms: int) -> Applied:
        """Take one well-formed event at `now_ms`."""
        self.incidents.run_due(now_ms)
        service = self.directory.service_for(event.routing_key, now_ms)
        if event.action == "change":
            return Applied("changed" if service else "refused", is_full=service is None)
        key = event.dedup_key or self._make_key(event.routing_key)
        alert = self._alerts.get((event.routing_key, key))
        if service is None or (
            alert is None and event.action == "trigger" and len(self._alerts) >= self.keys_max
        ):
            return Applied("refused", key, is_full=True)
        if event.action == "trigger":
            return self._trigger(service, alert, key, event, now_ms)
        if alert is None or not alert.is_open:
            return Applied("dropped", key)
        incident = self.incidents.by_id[alert.incident_id]
        agent = Agent("inbound_integration", alert.integration_id)
        if event.action == "acknowledge":
            if incident.status != "triggered":
                return Applied("dropped", key, incident.id)
            self.incidents.acknowledge(incident, agent, now_ms)
            return Applied("acknowledged", key, incident.id)
        self._resolve(incident, alert, agent, now_ms)
        return Applied("resolved", key, incident.id)

    def _trigger(
        self, service: Service, alert: Alert | None, key: str, event: Event, now_ms: int
    ) -> Applied:
        agent = Agent("inbound_integration", service.integration_id)
        if alert is not None and alert.is_open:
            incident = self.incidents.by_id[alert.incident_id]
            self.incidents.log(incident, "trigger", agent, now_ms)
            return Applied("appended", key, incident.id)
        if service.is_disabled:
            return Applied("dropped", key)
        severity = event.severity
        incident = self.incidents.open(
            service, event.summary, key, URGENCIES[severity], agent, now_ms
        )
        opened = Alert(
            self.ids.next(),
            key,
            service.id,
            service.integration_id,
            incident.id,
            incident.title,
            severity,
            *self._kept_body(event),
            now_ms,
        )
        incident.alerts.append(opened)
        self._alerts[event.routing_key, key] = opened
        return Applied("triggered" if alert is None else "reopened", key, incident.id)

    def _resolve(self, incident: Incident, alert: Alert, agent: Agent, now_ms: int) -> None:
        close_alert(alert, now_ms)
        if not any(other.is_open for other in incident.alerts):
            self.incidents.resolve(incident, agent, now_ms)

    def _kept_body(self, event: Event) -> tuple[bytes, bytes]:
        size_bytes = len(event.payload) + len(event.contexts)
        if self._body_bytes + size_bytes > self.body_bytes_max:
            return b"", b""
        self._body_bytes += size_bytes
        return event.payload, event.contexts

    def _forget(self, incident: Incident) -> None:
        for alert in incident.alerts:
            self._body_bytes -= len(alert.payload) + len(alert.contexts)
            alert.payload = alert.contexts = b""

    def alert_state(self, routing_key: str, dedup_key: str) -> Literal["open", "closed", "none"]:
        """What the next trigger of a key would meet."""
        alert = self._alerts.get((routing_key, dedup_key))
        return "none" if alert is None else "open" if alert.is_open else "closed"

    def _make_key(self, routing_key: str) -> str:
        self._made_keys += 1
        return hashlib.sha256(f"{routing_key}:{self._made_keys}".encode()).hexdigest()[:32]
