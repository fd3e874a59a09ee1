"""Bodies of v3 webhooks and their signatures.

The signature is HMAC-SHA256 of the raw body in hex, behind `v1=`; the key is the secret as it
was shown at creation. Source: PagerDuty's "Webhook signatures" and the example in go-pagerduty.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from pipeline.simulate.pagerduty.records import Incident, LogEntry, Note
from pipeline.simulate.pagerduty.rest.incident_shapes import IncidentShapes
from pipeline.simulate.pagerduty.webhooks.book import Delivery, Subscription

EVENT_TYPES: Final = frozenset(
    f"incident.{name}"
    for name in (
        "triggered",
        "acknowledged",
        "unacknowledged",
        "resolved",
        "reopened",
        "escalated",
        "delegated",
        "reassigned",
        "annotated",
        "priority_updated",
        "service_updated",
        "incident_type.changed",
        "status_update_published",
        "responder.added",
        "responder.replied",
        "conference_bridge.updated",
        "custom_field_values.updated",
        "role.assigned",
        "task.created",
        "task.updated",
        "task.completed",
        "action_invocation.created",
        "action_invocation.updated",
        "action_invocation.terminated",
        "workflow.started",
        "workflow.completed",
    )
) | {
    "service.created",
    "service.updated",
    "service.deleted",
    "service.custom_field_values.updated",
}
"""What PagerDuty lets one subscribe to; of these the simulator sends those up to `annotated`."""


def draw_incident_event(
    event_id: str,
    event_type: str,
    incident: Incident,
    entry: LogEntry,
    note: Note | None,
    shapes: IncidentShapes,
) -> bytes:
    """The body that tells of something that happened to an incident."""
    data = _incident(incident, shapes) if note is None else _note(incident, note, shapes)
    return _body(event_id, event_type, "incident", entry.at_ms, shapes.agent(entry.agent), data)


def draw_ping(event_id: str, now_ms: int) -> bytes:
    """The body of `POST /webhook_subscriptions/{id}/ping`."""
    data = {"message": "Hello from your friend Pagey!", "type": "ping"}
    return _body(event_id, "pagey.ping", "pagey", now_ms, None, data)


def sign(secret: str, body: bytes) -> str:
    """The value of `X-PagerDuty-Signature`."""
    return f"v1={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def headers_of(subscription: Subscription, delivery: Delivery) -> dict[str, str]:
    """The headers of an attempt; equal for every attempt of one delivery."""
    return {
        **dict(subscription.custom_headers),
        "Content-Type": "application/json",
        "User-Agent": "PagerDuty-Webhook/V3.0",
        "X-PagerDuty-Signature": sign(subscription.secret, delivery.body),
        "X-Webhook-Id": delivery.webhook_id,
        "X-Webhook-Subscription": subscription.id,
    }


def _body(
    event_id: str,
    event_type: str,
    resource_type: str,
    at_ms: int,
    agent: dict[str, Any] | None,
    data: dict[str, Any],
) -> bytes:
    occurred_at = datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    event = {
        "id": event_id,
        "event_type": event_type,
        "resource_type": resource_type,
        "occurred_at": f"{occurred_at}.{at_ms % 1000:03d}Z",
        "agent": agent,
        "client": None,
        "data": data,
    }
    return msgspec.json.encode({"event": event})


def _incident(incident: Incident, shapes: IncidentShapes) -> dict[str, Any]:
    drawn = shapes.incident(incident)
    kept = ("id", "type", "self", "html_url", "status", "title", "service", "escalation_policy")
    also = ("teams", "priority", "urgency", "resolve_reason", "incident_key", "created_at")
    return {
        **{name: drawn[name] for name in (*kept, *also)},
        "number": incident.number,
        "assignees": [shapes.user_reference(user_id) for user_id in incident.assignee_ids],
        "conference_bridge": None,
        "incident_type": {"name": "incident_default"},
    }


def _note(incident: Incident, note: Note, shapes: IncidentShapes) -> dict[str, Any]:
    return {
        "id": note.id,
        "type": "incident_note",
        "incident": shapes.incident_reference(incident),
        "content": note.content,
        "trimmed": False,
    }
