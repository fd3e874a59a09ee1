"""An incident and its surroundings, for the tests of classify."""

from __future__ import annotations

from typing import Any

from pipeline.domain.incident import AlertRef, Delivery, Incident, Routing
from pipeline.stages.classify.known import Known
from tests.chain import START_MS

SCOPE = "5c09e00000000000"
ID = f"{SCOPE}.1"
NIGHT_MS = START_MS - START_MS % 86_400_000 + 2 * 3_600_000


def ref(name: str = "HighCPU", **given: Any) -> AlertRef:
    """One listed alert."""
    fields = {"fingerprint": name, "alert_id": name, "severity": "error", "status": "firing"}
    return AlertRef(name=name, **{**fields, **given})


def incident(name: str = "HighCPU", **given: Any) -> Incident:
    """One open incident with one alert."""
    fields: dict[str, Any] = {
        "incident_id": ID,
        "scope_id": SCOPE,
        "tenant": "default",
        "status": "triggered",
        "title": name,
        "severity": "error",
        "group_key": "g",
        "rule": "r",
        "service": "checkout",
        "environment": "production",
        "alerts": (ref(name, service="checkout"),),
        "alert_count": 1,
        "firing_count": 1,
        "services": ("checkout",),
        "opened_at_ms": START_MS,
    }
    return Incident(**{**fields, **given})


def told(receiver: str = "on-call", result: str = "delivered") -> Routing:
    """Route's part after one receiver was told."""
    delivery = Delivery(
        receiver=receiver,
        action="trigger",
        severity="error",
        sequence=1,
        notified_at_ms=START_MS,
        result=result,
    )
    return Routing(deliveries=(delivery,))


def known(given: Incident | None = None, **around: Any) -> Known:
    """An incident with what is known around it."""
    it = given or incident()
    fields: dict[str, Any] = {
        "incident": it,
        "first": it.alerts[0] if it.alerts else ref(""),
        "alert": None,
        "team": "",
        "tier": 0,
        "dependents_count": 0,
        "change_age_ms": -1,
        "now_ms": NIGHT_MS,
    }
    return Known(**{**fields, **around})
