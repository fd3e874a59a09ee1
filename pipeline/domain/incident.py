"""Incident: a group of alerts with a life (triggered, acknowledged, resolved).

In `decide` the incident travels as a value. Each part of it has one owner: the top level
belongs to correlate, `routing` to route. Parts of later stages are added with a default.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from pipeline.domain.reason import ReasonLine

TRIGGERED: Final = "triggered"
ACKNOWLEDGED: Final = "acknowledged"
RESOLVED: Final = "resolved"

ALERTS_LISTED_MAX: Final = 40
"""An incident lists its first and its latest 20 alerts and counts the rest."""

NOTES_MAX: Final = 50
SERVICES_MAX: Final = 50


class AlertRef(Struct, frozen=True, kw_only=True):
    """One alert of an incident, as far as a reader needs it."""

    fingerprint: str
    alert_id: str
    name: str
    severity: str
    status: str
    service: str = ""
    instance: str = ""
    description: str = ""
    starts_at_ms: int = 0
    ends_at_ms: int = 0


class Note(Struct, frozen=True, kw_only=True):
    """What a person wrote on an incident."""

    at_ms: int
    author: str
    text: str


class Delivery(Struct, frozen=True, kw_only=True):
    """What one receiver was told about one incident, and what it answered.

    `action` is the last one asked for, `sequence` its number (from 1), `result` the word of
    its receipt ("" while none came), `ref` what the receiver gave back. `acknowledged_at_ms` is
    the instant of the acknowledgement that it was told of (0: of none).
    """

    receiver: str
    action: str
    severity: str
    sequence: int
    notified_at_ms: int
    result: str = ""
    ref: str = ""
    acknowledged_at_ms: int = 0


class Held(Struct, frozen=True, kw_only=True):
    """Why one receiver is not told just now: the name of route's reason, and until when it
    holds (0: until something changes).
    """

    receiver: str
    reason: str
    until_ms: int = 0


class Routing(Struct, frozen=True, kw_only=True):
    """Route's part: whom it told, whom it did not and why, what mutes it, and when it looks
    again (0: never).
    """

    deliveries: tuple[Delivery, ...] = ()
    muted_by: tuple[str, ...] = ()
    look_at_ms: int = 0
    held: tuple[Held, ...] = ()


class Incident(Struct, frozen=True, kw_only=True):
    """One incident, whole. `incident_id` is `<scope_id>.<n>`; instants are 0 where open.

    `alert_count` counts distinct fingerprints, `firing_count` those that fire now,
    `event_count` every alert received; `alerts` lists at most ALERTS_LISTED_MAX of them.
    `labels` are those that all its alerts share.
    """

    incident_id: str
    scope_id: str
    tenant: str
    status: str
    title: str
    severity: str
    group_key: str
    rule: str
    service: str = ""
    environment: str = ""
    region: str = ""
    cluster: str = ""
    description: str = ""
    services: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    alerts: tuple[AlertRef, ...] = ()
    alert_count: int = 0
    firing_count: int = 0
    event_count: int = 0
    starts_at_ms: int = 0
    received_at_ms: int = 0
    opened_at_ms: int = 0
    updated_at_ms: int = 0
    acknowledged_at_ms: int = 0
    acknowledged_by: str = ""
    resolved_at_ms: int = 0
    resolved_by: str = ""
    snoozed_until_ms: int = 0
    assigned_to: str = ""
    merged_into: str = ""
    merged_from: tuple[str, ...] = ()
    reopened_count: int = 0
    notes: tuple[Note, ...] = ()
    reasons: tuple[ReasonLine, ...] = ()
    routing: Routing = Routing()
    trace_id: str = ""
    origin: str = ""
    version: int = 1
    is_test: bool = False

    @property
    def is_open(self) -> bool:
        """Whether somebody may still have to act."""
        return self.status != RESOLVED
