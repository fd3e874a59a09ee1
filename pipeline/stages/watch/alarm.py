"""The alerts of `watch`: a heartbeat has stopped, it is back, and, between tasks, it was heard."""

from __future__ import annotations

from typing import Any, Final

from pipeline.domain.alert import Alert
from pipeline.domain.ids import digest64, fingerprint
from pipeline.domain.rules import FIELDS
from pipeline.stages.watch.config import Heartbeat
from pipeline.stages.watch.tables import Beat

SOURCE: Final = "tocsin"
LABEL: Final = "heartbeat"
"""The label that names the heartbeat, and tells the alert from any other of its name."""

HEARD: Final = "TocsinHeartbeatHeard"
"""The name of the alert by which a task tells another that a heartbeat is known to be alive."""


def hearsay(name: str, scope_id: str, now_ms: int) -> Alert:
    """Tell the task that expects a heartbeat which never came that it was heard in a scope."""
    labels = {LABEL: name}
    identity = fingerprint({**labels, "alertname": HEARD})
    return Alert(
        alert_id=f"w-{digest64(identity, scope_id, str(now_ms))}",
        source=SOURCE,
        fingerprint=identity,
        name=HEARD,
        severity="info",
        starts_at_ms=now_ms,
        received_at_ms=now_ms,
        labels=labels,
        is_test=True,
    )


def alarm(
    name: str,
    heartbeat: Heartbeat | None,
    beat: Beat,
    scope: tuple[str, ...],
    now_ms: int,
    *,
    is_firing: bool,
) -> Alert:
    """The alert of one heartbeat in one scope; `beat` as it is while the heartbeat is missing.

    Its fingerprint is that of its labels, so that both alerts are about one fact.
    """
    values = {key: value for key, value in zip(scope, beat.values, strict=False) if value}
    labels = {**values, LABEL: name}
    identity = fingerprint({**labels, "alertname": name})
    status = "firing" if is_firing else "resolved"
    fields: dict[str, Any] = {key: value for key, value in values.items() if key in FIELDS}
    return Alert(
        alert_id=f"w-{digest64(identity, status, str(now_ms))}",
        source=SOURCE,
        fingerprint=identity,
        name=name,
        description=_description(heartbeat, beat) if is_firing else "",
        severity="critical" if heartbeat is None else heartbeat.severity,
        status=status,
        starts_at_ms=beat.missing_since_ms,
        ends_at_ms=0 if is_firing else now_ms,
        received_at_ms=now_ms,
        labels=labels,
        **fields,
    )


def _description(heartbeat: Heartbeat | None, beat: Beat) -> str:
    if heartbeat is None:
        return ""
    expected = f"It is expected at least every {heartbeat.within}"
    if beat.is_placeholder:
        return f"{expected} and was never heard of: is its sender set up to send here?"
    return f"{expected} and has stopped: its sender, or the way from there to here, is broken."
