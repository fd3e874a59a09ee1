"""What PagerDuty remembers of an incident: the incident, its alerts, notes and log entries.

These are the simulator's rows: they change in place, and only `life` and `model` change them.
Instants are epoch milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

Status = Literal["triggered", "acknowledged", "resolved"]
ENTRIES_PER_INCIDENT_MAX: Final = 1_000
NOTES_PER_INCIDENT_MAX: Final = 2_000
"""PagerDuty's own limit on notes."""


class Agent(msgspec.Struct, frozen=True, gc=False):
    """Who did something: a user, a service's integration, or the service itself (timeouts)."""

    kind: Literal["user", "service", "inbound_integration"]
    id: str


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """One line of an incident's history; `kind` is PagerDuty's `type` without `_log_entry`."""

    id: str
    kind: str
    at_ms: int
    incident_id: str
    agent: Agent
    channel: Mapping[str, Any]
    user_id: str | None = None
    note: str = ""


@dataclass(slots=True)
class Note:
    """What a person wrote on an incident."""

    id: str
    user_id: str
    content: str
    created_at_ms: int


@dataclass(slots=True)
class Alert:
    """One alert of a service, opened by a trigger and closed by a resolve."""

    id: str
    key: str
    service_id: str
    integration_id: str
    incident_id: str
    summary: str
    severity: str
    payload: bytes
    contexts: bytes
    created_at_ms: int
    is_open: bool = True
    resolved_at_ms: int | None = None


@dataclass(slots=True)
class Incident:
    """A group of alerts with a life; it pages the people of its escalation policy."""

    id: str
    number: int
    title: str
    key: str
    service_id: str
    policy_id: str
    created_at_ms: int
    updated_at_ms: int
    last_status_change_at_ms: int
    last_status_change_by: Agent
    urgency: str = "high"
    status: Status = "triggered"
    body_details: str = ""
    assignee_ids: list[str] = field(default_factory=list)
    assigned_at_ms: int = 0
    is_assigned_directly: bool = False
    acknowledged_by: list[tuple[Agent, int]] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    log: list[LogEntry] = field(default_factory=list)
    pages: int = 0
    level: int = 1
    loops_done: int = 0
    escalate_at_ms: int | None = None
    unacknowledge_at_ms: int | None = None
    is_snoozed: bool = False
    resolve_at_ms: int | None = None
    resolved_at_ms: int | None = None
    merged_into: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is triggered or acknowledged."""
        return self.status != "resolved"
