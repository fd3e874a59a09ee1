"""Incidents, alerts, notes and log entries as JSON, drawn as PagerDuty does."""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.simulate.pagerduty.records import Agent, Alert, Incident, LogEntry, Note
from pipeline.simulate.pagerduty.rest.shapes import (
    AccountShapes,
    Json,
    iso,
    iso_or_none,
    reference,
    whole,
)


class IncidentShapes(AccountShapes):
    """Draws what happens."""

    def incident_reference(self, incident: Incident) -> Json:
        """An incident, in short."""
        return reference("incident", incident.id, _summary(incident), self.base_url)

    def incident(self, incident: Incident, *, with_body: bool = False) -> Json:
        """An incident; its body (a person's text) only where it was asked for."""
        triggered = sum(alert.is_open for alert in incident.alerts)
        body = {"type": "incident_body", "details": incident.body_details}
        return {
            **({"body": body} if with_body else {}),
            **whole("incident", incident.id, _summary(incident), self.base_url),
            "incident_number": incident.number,
            "title": incident.title,
            "description": incident.title,
            "created_at": iso(incident.created_at_ms),
            "updated_at": iso(incident.updated_at_ms),
            "status": incident.status,
            "incident_key": incident.key,
            "service": self.service_reference(incident.service_id),
            "assignments": [
                {"at": iso(incident.assigned_at_ms), "assignee": self.user_reference(user_id)}
                for user_id in incident.assignee_ids
            ],
            "assigned_via": "direct_assignment"
            if incident.is_assigned_directly
            else "escalation_policy",
            "last_status_change_at": iso(incident.last_status_change_at_ms),
            "last_status_change_by": self.agent(incident.last_status_change_by),
            "resolved_at": iso_or_none(incident.resolved_at_ms),
            "first_trigger_log_entry": reference(
                "trigger_log_entry", incident.log[0].id, "Triggered", self.base_url
            ),
            "alert_counts": {
                "all": len(incident.alerts),
                "triggered": triggered,
                "resolved": len(incident.alerts) - triggered,
            },
            "is_mergeable": incident.is_open,
            "escalation_policy": self.policy_reference(incident.policy_id),
            "teams": [],
            "pending_actions": _pending_actions(incident),
            "acknowledgements": [
                {"at": iso(at_ms), "acknowledger": self._acknowledger(agent, incident)}
                for agent, at_ms in incident.acknowledged_by
            ],
            "alert_grouping": None,
            "priority": None,
            "resolve_reason": self._resolve_reason(incident),
            "incidents_responders": [],
            "responder_requests": [],
            "urgency": incident.urgency,
        }

    def alert(self, alert: Alert, incident: Incident) -> Json:
        """An alert with the event that opened it."""
        payload = msgspec.json.decode(alert.payload) if alert.payload else {}
        sent = msgspec.json.decode(alert.contexts) if alert.contexts else {}
        path = f"incidents/{incident.id}/alerts/{alert.id}"
        contexts = [{"type": "link", **link} for link in sent.get("links") or ()]
        contexts += [{"type": "image", **image} for image in sent.get("images") or ()]
        integration_path = f"services/{alert.service_id}/integrations/{alert.integration_id}"
        return {
            **whole("alert", alert.id, alert.summary, self.base_url, path),
            "created_at": iso(alert.created_at_ms),
            "status": "triggered" if alert.is_open else "resolved",
            "alert_key": alert.key,
            "service": self.service_reference(alert.service_id),
            "incident": self.incident_reference(incident),
            "suppressed": False,
            "severity": alert.severity,
            "integration": {
                **reference(
                    "integration",
                    alert.integration_id,
                    "Events API V2",
                    self.base_url,
                    integration_path,
                ),
                "type": "events_api_v2_inbound_integration_reference",
            },
            "body": {
                "type": "alert_body",
                "contexts": contexts,
                "details": payload.get("custom_details") or {},
                "cef_details": {**payload, "dedup_key": alert.key},
            },
        }

    def note(self, note: Note) -> Json:
        """A note."""
        return {
            "id": note.id,
            "user": self.user_reference(note.user_id),
            "channel": {"summary": "The PagerDuty website or APIs"},
            "content": note.content,
            "created_at": iso(note.created_at_ms),
            "updated_at": iso(note.created_at_ms),
        }

    def log_entry(self, entry: LogEntry, incident: Incident) -> Json:
        """A line of an incident's history."""
        kind = f"{entry.kind}_log_entry"
        drawn = {
            **whole(kind, entry.id, _sentence(entry), self.base_url, f"log_entries/{entry.id}"),
            "created_at": iso(entry.at_ms),
            "agent": self.agent(entry.agent),
            "channel": {**entry.channel, "summary": entry.note or _sentence(entry)},
            "contexts": [],
            "teams": [],
            "service": self.service_reference(incident.service_id),
            "incident": self.incident_reference(incident),
            "event_details": {"description": incident.title},
        }
        if entry.note:
            drawn["note"] = entry.note
        if entry.user_id is not None:
            user = self.user_reference(entry.user_id)
            drawn |= {"user": user} if entry.kind == "notify" else {"assignees": [user]}
        return drawn

    def agent(self, agent: Agent) -> Json:
        """Who did it: a person, the integration an event came through, or the service itself."""
        if agent.kind == "user":
            return self.user_reference(agent.id)
        if agent.kind == "service":
            return self.service_reference(agent.id)
        return reference("integration", agent.id, "Events API V2", self.base_url)

    def _acknowledger(self, agent: Agent, incident: Incident) -> Json:
        if agent.kind == "user":
            return self.user_reference(agent.id)
        return self.service_reference(incident.service_id)

    def _resolve_reason(self, incident: Incident) -> Json | None:
        if incident.merged_into is None:
            return None
        target = reference("incident", incident.merged_into, "Merge target", self.base_url)
        return {"type": "merge_resolve_reason", "incident": target}


def _summary(incident: Incident) -> str:
    return f"[#{incident.number}] {incident.title}"


def _sentence(entry: LogEntry) -> str:
    return entry.kind.replace("_", " ").capitalize()


def _pending_actions(incident: Incident) -> list[dict[str, Any]]:
    due = (
        ("escalate", incident.escalate_at_ms),
        ("unacknowledge", incident.unacknowledge_at_ms),
        ("resolve", incident.resolve_at_ms),
    )
    return [{"type": kind, "at": iso(at_ms)} for kind, at_ms in due if at_ms is not None]
