"""The alert of our own: a service is likely to have an incident. It is no sign of one."""

from __future__ import annotations

from typing import Any, Final

from pipeline.domain.alert import Alert
from pipeline.domain.foresight import HORIZON_MS, MINUTE_MS
from pipeline.domain.ids import digest64, fingerprint
from pipeline.domain.incident import Risk
from pipeline.domain.rules import FIELDS

SOURCE: Final = "tocsin"
LABEL: Final = "foreseen"
YES: Final = "yes"


def is_own(alert: Alert) -> bool:
    """Whether an alert is one of these."""
    return alert.source == SOURCE and alert.labels.get(LABEL) == YES


def alarm(
    service: str,
    team: str,
    place: dict[str, str],
    risk: Risk,
    began_at_ms: int,
    now_ms: int,
    *,
    is_firing: bool,
) -> Alert:
    """The alert about one service; `place` are the labels of its scope, `risk` why it fires.

    The service stands in a label, for routes and silences; the field stays empty, so that no rule
    and no dependency draws the alert into the incident that it foretells.
    """
    name = f"{service} is likely to have an incident within {HORIZON_MS // MINUTE_MS} minutes"
    place = {label: value for label, value in place.items() if value}
    labels = {**place, "service": service, LABEL: YES}
    identity = fingerprint({**labels, "alertname": LABEL})
    if team:
        labels["team"] = team
    status = "firing" if is_firing else "resolved"
    fields: dict[str, Any] = {label: value for label, value in place.items() if label in FIELDS}
    return Alert(
        alert_id=f"f-{digest64(identity, status, str(now_ms))}",
        source=SOURCE,
        fingerprint=identity,
        name=name,
        description=_description(risk) if is_firing else "",
        severity="warning",
        status=status,
        starts_at_ms=began_at_ms,
        ends_at_ms=0 if is_firing else now_ms,
        received_at_ms=now_ms,
        labels=labels,
        **fields,
    )


def _description(risk: Risk) -> str:
    why = ", ".join(each.feature for each in risk.evidence)
    because = f" What speaks for it: {why}." if why else ""
    return f"This is foreseen, not seen, with a chance of {risk.chance:.0%}.{because}"
