"""Notification: one intent to tell one receiver one thing; Receipt: what became of it."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from pipeline.domain.incident import AlertRef

TRIGGER: Final = "trigger"
ACKNOWLEDGE: Final = "acknowledge"
RESOLVE: Final = "resolve"
CHANGE: Final = "change"
ACTIONS: Final = (TRIGGER, ACKNOWLEDGE, RESOLVE, CHANGE)

DELIVERED: Final = "delivered"
REFUSED: Final = "refused"
DROPPED: Final = "dropped"
COLLAPSED: Final = "collapsed"
AMBIGUOUS: Final = "ambiguous"
RESULTS: Final = (DELIVERED, REFUSED, DROPPED, COLLAPSED, AMBIGUOUS)
"""delivered: the receiver took it · refused: it will never take it · dropped: no longer true
when its turn came · collapsed: a later one said it · ambiguous: nobody can know."""

NOTIFIED_ALERTS_MAX: Final = 10
"""So many alerts of the incident travel on a notification."""


class Link(Struct, frozen=True, kw_only=True):
    """A link or an image (`is_image`) for a person to follow."""

    href: str
    text: str = ""
    is_image: bool = False


class Notification(Struct, frozen=True, kw_only=True):
    """Tell `receiver` that `action` happened to the incident.

    `notification_id` is `<incident_id>/<receiver>/<sequence>`; a change belongs to no incident,
    and has `<hash of its service>.change` in its place. `received_at_ms` is when the
    alert that caused it was accepted; `why` is route's reason.
    """

    notification_id: str
    incident_id: str
    scope_id: str
    tenant: str
    receiver: str
    sequence: int
    action: str
    title: str
    severity: str
    status: str
    description: str = ""
    service: str = ""
    source: str = ""
    environment: str = ""
    region: str = ""
    cluster: str = ""
    team: str = ""
    alert_count: int = 0
    firing_count: int = 0
    alerts: tuple[AlertRef, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    why: str = ""
    starts_at_ms: int = 0
    received_at_ms: int = 0
    created_at_ms: int = 0
    trace_id: str = ""
    origin: str = ""
    is_test: bool = False

    def receipt(
        self,
        result: str,
        at_ms: int,
        *,
        attempts: int = 1,
        ref: str = "",
        why: str = "",
        status_code: int = 0,
    ) -> Receipt:
        """What became of it."""
        return Receipt(
            notification_id=self.notification_id,
            incident_id=self.incident_id,
            scope_id=self.scope_id,
            tenant=self.tenant,
            receiver=self.receiver,
            sequence=self.sequence,
            action=self.action,
            result=result,
            ref=ref,
            why=why,
            attempts=attempts,
            status_code=status_code,
            at_ms=at_ms,
            received_at_ms=self.received_at_ms,
            trace_id=self.trace_id,
            is_test=self.is_test,
        )


class Receipt(Struct, frozen=True, kw_only=True):
    """What became of one notification. `result` is one of RESULTS, `why` says it to a person.

    `status_code` is the receiver's last HTTP status (0: no answer), `received_at_ms` is
    carried along from the alert so that the whole way can be timed.
    """

    notification_id: str
    incident_id: str
    scope_id: str
    tenant: str
    receiver: str
    sequence: int
    action: str
    result: str
    ref: str = ""
    why: str = ""
    attempts: int = 0
    status_code: int = 0
    at_ms: int = 0
    received_at_ms: int = 0
    trace_id: str = ""
    is_test: bool = False
