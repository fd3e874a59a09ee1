"""Draft: one alert as a producer gave it, after its format is known and before it is normalised.

It is the native JSON of `POST /api/v1/alerts`, and the form in which the edge writes an alert to
`raw-alerts`; every other format is parsed into it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct, field

from pipeline.domain.alert import Int32
from pipeline.domain.deadletter import Rejected

INSTANT_MAX_MS: Final = 253_402_300_799_999
"""The end of the year 9999, where RFC 3339 ends; a later instant is refused."""

Instant = Annotated[int, Meta(ge=0, le=INSTANT_MAX_MS)]
Text = Annotated[str, Meta(min_length=1)]
Index = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Draft(Struct, kw_only=True, omit_defaults=True):
    """The native alert JSON: the fields of `Alert`, of which `name` and `status` are needed.

    Instants are `…_ms` (Unix milliseconds) or RFC 3339 in `starts_at` and `ends_at`; one without
    an offset counts as UTC. `group_key` asks for grouping with all that give the same one.
    `idempotency_key` makes a repetition of this one alert harmless; `index` is its place in the
    batch it came in. What is not named here is ignored. Not frozen: `parse` fills what it derives.
    """

    name: Text
    status: str
    alert_id: str = ""
    source: str = ""
    source_id: str = ""
    fingerprint: str = ""
    description: str = ""
    severity: str = ""
    service: str = ""
    environment: str = ""
    region: str = ""
    cluster: str = ""
    namespace: str = ""
    host: str = ""
    instance: str = ""
    metric: str = ""
    value: float | None = None
    threshold: float | None = None
    starts_at_ms: Instant = 0
    ends_at_ms: Instant = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    trace_id: str = ""
    version: Int32 = 1
    is_test: bool = False
    group_key: str = ""
    idempotency_key: str = ""
    index: Index = 0


class Parsed(Struct, frozen=True, kw_only=True):
    """What one body held: alerts, members that are refused, and words for what was left out on
    purpose (an event that is no alert). `array` is the path of its array, None where it was a
    single alert; `cut_by_sender` counts alerts that the sender itself did not send.
    """

    drafts: tuple[Draft, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    skipped: tuple[str, ...] = ()
    array: str | None = None
    cut_by_sender: int = 0


def refuse(reason: str, detail: str, path: str = "", index: int = -1) -> Parsed:
    """A body that as a whole holds nothing of use."""
    return Parsed(rejected=(Rejected(reason=reason, detail=detail, path=path, index=index),))


_ENCODER = msgspec.json.Encoder()


def encode_draft(draft: Draft) -> bytes:
    """The value of one record on `raw-alerts`: native JSON, read back by format `native`."""
    return _ENCODER.encode(draft)
