"""The work of the hop, the same for every peer: an alert in, its row changed, the alert out.

The row of a fingerprint counts its alerts and keeps the first and the latest instant, the worst
severity and the latest alert; the alert goes out with that count as its `version`, so that what
comes out shows whether each state followed the one before.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.alert import SEVERITIES, Alert

RANKS: Final = {severity: rank for rank, severity in enumerate(SEVERITIES)}


class Row(Struct, frozen=True, array_like=True):
    """What is kept of one fingerprint."""

    count: int
    first_at_ms: int
    last_at_ms: int
    severity: str
    status: str
    alert_id: str


decode_alert: Final = msgspec.json.Decoder(Alert).decode
encode_json: Final = msgspec.json.Encoder().encode
encode_row: Final = msgspec.msgpack.Encoder().encode


def step(row: Row | None, alert: Alert) -> tuple[Row, Alert]:
    """The row after this alert, and the alert as it goes on."""
    if row is None:
        at_ms = alert.received_at_ms
        return Row(1, at_ms, at_ms, alert.severity, alert.status, alert.alert_id), replace(
            alert, version=1
        )
    worse = RANKS[alert.severity] > RANKS[row.severity]
    after = Row(
        row.count + 1,
        row.first_at_ms,
        alert.received_at_ms,
        alert.severity if worse else row.severity,
        alert.status,
        alert.alert_id,
    )
    return after, replace(alert, version=after.count)
