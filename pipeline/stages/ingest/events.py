"""Format `alertmanager-events`: what Alertmanager's event recorder (>= 0.33) writes, as protojson.

An alert is told once when it is created and once when it is resolved; all other events are left
out. Shape: eventrecorder.proto of prometheus/alertmanager; a fingerprint is a uint64 in decimal,
labels are a list of pairs, and what is zero is absent.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct, field

from pipeline.domain.deadletter import Rejected
from pipeline.domain.ids import fingerprint
from pipeline.stages.ingest.alertmanager import name_of
from pipeline.stages.ingest.draft import Draft, Parsed, refuse
from pipeline.stages.ingest.instants import instant_ms
from pipeline.stages.ingest.reading import join, read
from pipeline.stages.ingest.reasons import INVALID

CREATED: Final = "alertCreated"
RESOLVED: Final = "alertResolved"
KINDS: Final = (
    "alertGrouped",
    "notification",
    "silenceCreated",
    "silenceUpdated",
    "silenceMutedAlert",
    "inhibitionMutedAlert",
    "alertmanagerStartupEvent",
    "alertmanagerShutdownEvent",
)
"""Events that are known and say nothing new about an alert; the set bounds a metric's label."""

FINGERPRINT_MAX: Final = 2**64 - 1


class Pair(Struct):
    """One label."""

    key: str = ""
    value: str = ""


class Pairs(Struct):
    """A label set."""

    labels: list[Pair] = field(default_factory=list)


class Details(Struct, kw_only=True, rename="camel"):
    """One alert."""

    fingerprint: str | int = 0
    name: str = ""
    labels: Pairs = field(default_factory=Pairs)
    annotations: Pairs = field(default_factory=Pairs)
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class Grouped(Struct):
    """An alert inside a group."""

    details: Details


class Created(Struct):
    """`alertCreated`."""

    alert: Details


class Resolved(Struct):
    """`alertResolved`."""

    alert: Grouped


class Recorded(Struct, kw_only=True):
    """One event: `data` holds one member, named after its kind."""

    data: dict[str, msgspec.Raw]
    instance: str = ""


_EVENT: Final = msgspec.json.Decoder(Recorded)
_CREATED: Final = msgspec.json.Decoder(Created)
_RESOLVED: Final = msgspec.json.Decoder(Resolved)


def parse_events(body: bytes) -> Parsed:
    """Read one event."""
    event = read(_EVENT, body)
    if isinstance(event, Rejected):
        return Parsed(rejected=(event,))
    for kind, raw in event.data.items():
        if kind == CREATED:
            created = read(_CREATED, bytes(raw))
            if isinstance(created, Rejected):
                return _at(created, f"data.{CREATED}")
            return _parsed(created.alert, "firing", event.instance)
        if kind == RESOLVED:
            resolved = read(_RESOLVED, bytes(raw))
            if isinstance(resolved, Rejected):
                return _at(resolved, f"data.{RESOLVED}")
            return _parsed(resolved.alert.details, "resolved", event.instance)
    known = next((kind for kind in event.data if kind in KINDS), "other")
    return Parsed(skipped=(f"event {known}",))


def _at(fault: Rejected, prefix: str) -> Parsed:
    return refuse(fault.reason, fault.detail, join(prefix, fault.path))


def _parsed(alert: Details, status: str, instance: str) -> Parsed:
    labels = {pair.key: pair.value for pair in alert.labels.labels}
    if not labels:
        return refuse(INVALID, "an alert needs at least one label", "data")
    annotations = {pair.key: pair.value for pair in alert.annotations.labels}
    draft = Draft(
        name=labels.get("alertname") or alert.name or name_of(labels),
        status=status,
        source="alertmanager",
        source_id=instance,
        fingerprint=_fingerprint(alert.fingerprint) or fingerprint(labels),
        severity=labels.get("severity", ""),
        starts_at_ms=instant_ms(0, alert.starts_at),
        # The end of one that fires moves on with each repetition, and repetitions are not told.
        ends_at_ms=instant_ms(0, alert.ends_at) if status == "resolved" else 0,
        labels=labels,
        annotations=annotations,
    )
    return Parsed(drafts=(draft,))


def _fingerprint(given: str | int) -> str:
    text = str(given)
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(FINGERPRINT_MAX))):
        return ""
    number = int(text)
    return f"{number:016x}" if 0 < number <= FINGERPRINT_MAX else ""
