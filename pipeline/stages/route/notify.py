"""The notification that tells a receiver of an incident, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from pipeline.domain.alert import Alert, severity_rank
from pipeline.domain.incident import AlertRef, Delivery, Incident, Routing
from pipeline.domain.notification import (
    ACKNOWLEDGE,
    NOTIFIED_ALERTS_MAX,
    RESOLVE,
    TRIGGER,
    Notification,
    Receipt,
)
from pipeline.domain.record import Origin
from pipeline.domain.stage import Update
from pipeline.stages.route.links import links_of

WITHHELD = "withheld"
"""The result of a resolve that the routes say not to send."""


def notification_of(
    update: Update, delivery: Delivery, why: str, origin: Origin, now_ms: int
) -> Notification:
    """The notification of a delivery that was just decided.

    `received_at_ms` is that of the alert that caused it; 0 where a timer or a person did, so
    that nobody takes their waiting for ours.
    """
    incident, cause = update.incident, update.cause
    alerts = _shown(incident)
    return Notification(
        notification_id=f"{incident.incident_id}/{delivery.receiver}/{delivery.sequence}",
        incident_id=incident.incident_id,
        scope_id=incident.scope_id,
        tenant=incident.tenant,
        receiver=delivery.receiver,
        sequence=delivery.sequence,
        action=delivery.action,
        title=incident.title,
        severity=incident.severity,
        status=incident.status,
        description=incident.description,
        service=incident.service,
        source=_source(incident, alerts),
        environment=incident.environment,
        region=incident.region,
        cluster=incident.cluster,
        team=incident.labels.get("team", "") or incident.annotations.get("team", ""),
        alert_count=incident.alert_count,
        firing_count=incident.firing_count,
        alerts=alerts,
        labels=incident.labels,
        annotations=incident.annotations,
        links=links_of(_annotations(incident, cause)),
        why=why,
        starts_at_ms=incident.starts_at_ms,
        received_at_ms=cause.received_at_ms if isinstance(cause, Alert) else 0,
        created_at_ms=now_ms,
        trace_id=origin.trace_id or incident.trace_id,
        origin=origin.text if origin.topic else incident.origin,
        is_test=incident.is_test,
    )


def _annotations(incident: Incident, cause: object) -> Mapping[str, str]:
    """The incident's, and those of the alert that caused it: an incident keeps only a few."""
    if isinstance(cause, Alert):
        return {**cause.annotations, **incident.annotations}
    return incident.annotations


def told(
    before: Delivery | None, incident: Incident, receiver: str, action: str, now_ms: int
) -> Delivery:
    """What is remembered once a receiver is told. `severity` stays that of its last trigger."""
    if before is None:
        return Delivery(
            receiver=receiver,
            action=action,
            severity=incident.severity,
            sequence=1,
            notified_at_ms=now_ms,
        )
    owned = {ACKNOWLEDGE: incident.acknowledged_at_ms, RESOLVE: 0}
    return replace(
        before,
        action=action,
        severity=incident.severity if action == TRIGGER else before.severity,
        sequence=before.sequence + 1,
        notified_at_ms=now_ms,
        result="",
        acknowledged_at_ms=owned.get(action, before.acknowledged_at_ms),
    )


def withheld(before: Delivery) -> Delivery:
    """A delivery that is over without its receiver being told so."""
    return replace(before, action=RESOLVE, result=WITHHELD)


def answered(routing: Routing, receipt: Receipt) -> Routing:
    """Take what became of a notification into its delivery; an older one leaves only its ref."""
    deliveries = tuple(
        _answered(delivery, receipt) if delivery.receiver == receipt.receiver else delivery
        for delivery in routing.deliveries
    )
    return routing if deliveries == routing.deliveries else replace(routing, deliveries=deliveries)


def _answered(delivery: Delivery, receipt: Receipt) -> Delivery:
    ref = receipt.ref or delivery.ref
    if receipt.sequence != delivery.sequence or delivery.result == WITHHELD:
        return replace(delivery, ref=ref)
    return replace(delivery, result=receipt.result, ref=ref)


def _shown(incident: Incident) -> tuple[AlertRef, ...]:
    """The alerts that travel along: those that fire before the others, the worst first."""
    ranked = sorted(
        incident.alerts,
        key=lambda ref: (ref.status != "firing", -severity_rank(ref.severity)),
    )
    return tuple(ranked[:NOTIFIED_ALERTS_MAX])


def _source(incident: Incident, alerts: tuple[AlertRef, ...]) -> str:
    """The place that is affected, as exactly as one word can say it."""
    return (
        (alerts[0].instance if alerts else "")
        or incident.labels.get("host", "")
        or incident.labels.get("instance", "")
        or incident.service
        or incident.cluster
    )
