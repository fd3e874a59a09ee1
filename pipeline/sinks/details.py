"""What a receiver may show beside the summary, in steps from all of it to nothing."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from pipeline.domain.notification import CHANGE, Notification
from pipeline.sinks.text import cut, filled, iso

CUT_SIZE_MAX: Final = 4_096
CUT_NOTE: Final = "cut: the whole was larger than the receiver takes"


OF_INCIDENTS: Final = frozenset({"incident", "alerts_firing", "alerts_total"})
"""Facts that a change, which belongs to no incident, does not have."""


class Detail(Enum):
    """How much of a notification is sent; a receiver's size limit decides."""

    ALL = "all"
    CUT = "cut"
    NONE = "none"


def details_of(told: Notification, detail: Detail) -> dict[str, Any]:
    """Facts for people, empty ones left out. Where they were cut, `truncated` says so."""
    if detail is Detail.NONE:
        return {"truncated": CUT_NOTE}
    facts: dict[str, str | int] = {
        "incident": told.incident_id,
        "why": told.why,
        "severity": told.severity,
        "service": told.service,
        "team": told.team,
        "environment": told.environment,
        "region": told.region,
        "cluster": told.cluster,
        "alerts_firing": told.firing_count,
        "alerts_total": told.alert_count,
    }
    if told.action == CHANGE:
        facts = {name: fact for name, fact in facts.items() if name not in OF_INCIDENTS}
    if detail is Detail.CUT:
        short = {k: cut(v, CUT_SIZE_MAX) if isinstance(v, str) else v for k, v in facts.items()}
        short["description"] = cut(told.description, CUT_SIZE_MAX)
        return filled({**short, "truncated": CUT_NOTE})
    return filled(
        {
            **facts,
            "description": told.description,
            "labels": told.labels,
            "annotations": told.annotations,
            "alerts": [_alert(alert) for alert in told.alerts],
        }
    )


def _alert(alert: Any) -> dict[str, Any]:
    return filled(
        {
            "name": alert.name,
            "severity": alert.severity,
            "status": alert.status,
            "service": alert.service,
            "instance": alert.instance,
            "description": alert.description,
            "fingerprint": alert.fingerprint,
            "starts_at": iso(alert.starts_at_ms),
            "ends_at": iso(alert.ends_at_ms),
        }
    )
