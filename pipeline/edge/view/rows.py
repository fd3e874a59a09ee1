"""From an event of the log to its row in the view: pure, so that one log gives one view."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from pipeline.domain.audit import AuditRecord
from pipeline.domain.catalog import Change, Service
from pipeline.domain.deadletter import DeadLetter
from pipeline.domain.incident import Incident
from pipeline.domain.notification import TRIGGER, Notification, Receipt
from pipeline.domain.outcome import HEAD, ModelRecord
from pipeline.domain.record import TENANT, Record
from pipeline.domain.silence import Silence

RECEIPTS: Final = "receipts"
NOTIFICATIONS: Final = "notifications"
AUDIT: Final = "audit"
DEAD_LETTERS: Final = "dead-letters"
INCIDENTS: Final = "incidents"
SILENCES: Final = "silences"
SERVICES: Final = "services"
CHANGES: Final = "changes"
MODELS: Final = "models"

PAGES: Final = "pages"
"""Receipts of triggers are counted under this name besides their topic's."""

REDRIVE: Final = "redrive/"
"""Before the id of a dead letter it is the command_id of the audit record that it was redriven."""

FOLLOWED: Final[dict[str, type[Struct]]] = {
    AUDIT: AuditRecord,
    NOTIFICATIONS: Notification,
    RECEIPTS: Receipt,
    DEAD_LETTERS: DeadLetter,
    SILENCES: Silence,
    SERVICES: Service,
    CHANGES: Change,
    MODELS: ModelRecord,
    INCIDENTS: Incident,
}
"""What the view follows, in the order of reading: incidents last, so that an incident is never
older than what audit says was done to it."""

COMPACTED: Final = frozenset({INCIDENTS, SILENCES, SERVICES, CHANGES, MODELS})
WORDS_CHARS_MAX: Final = 4_000

pack: Final = msgspec.msgpack.Encoder().encode


def incident_row(record: Record, incident: Incident) -> tuple[Any, ...]:
    """The row of `incidents`."""
    services = dict.fromkeys((incident.service, *incident.services))
    return (
        incident.incident_id,
        incident.tenant,
        incident.scope_id,
        incident.status,
        incident.severity,
        between(services),
        incident.opened_at_ms,
        int(bool(incident.routing.muted_by)),
        int(incident.is_test),
        words_of(incident),
        pack(incident),
    )


def between(names: Any) -> str:
    """Names, each between two line breaks, so that a whole one can be found among them."""
    return "\n" + "\n".join(names) + "\n"


def words_of(incident: Incident) -> str:
    """What a search looks through, in one case."""
    parts = (
        incident.incident_id,
        incident.title,
        incident.description,
        *incident.services,
        incident.service,
        incident.environment,
        incident.region,
        incident.cluster,
        *incident.labels.values(),
        *(alert.name for alert in incident.alerts),
        *(alert.fingerprint for alert in incident.alerts),
    )
    return "\n".join(dict.fromkeys(parts))[:WORDS_CHARS_MAX].casefold()


def entry_row(record: Record, event: Any) -> tuple[Any, ...] | None:
    """The row of `entries`, or None for what nobody asks for."""
    columns = _columns(event)
    if columns is None:
        return None
    at_ms, incident_id, ref, receiver, word = columns
    return (
        record.topic,
        record.partition,
        record.offset,
        at_ms,
        event.tenant or record.headers.get(TENANT, ""),
        incident_id,
        ref,
        receiver,
        word,
        pack(event),
    )


def _columns(event: Any) -> tuple[int, str, str, str, str] | None:
    """When, about which incident, its own id, receiver, and the word to count it by."""
    match event:
        case Receipt():
            return (
                event.at_ms,
                event.incident_id,
                event.notification_id,
                event.receiver,
                event.result,
            )
        case Notification():
            return (
                event.created_at_ms,
                event.incident_id,
                event.notification_id,
                event.receiver,
                event.action,
            )
        case AuditRecord():
            if not (event.incident_id or event.command_id):
                return None
            return event.at_ms, event.incident_id, event.command_id, "", event.result
        case DeadLetter():
            return event.at_ms, "", event.dead_letter_id, "", event.reason
    return None


def redriven_row(event: Any) -> tuple[str, int] | None:
    """The row of `redriven`: which dead letter and when; None for what says nothing of one."""
    if isinstance(event, AuditRecord) and event.command_id.startswith(REDRIVE):
        return event.command_id.removeprefix(REDRIVE), event.at_ms
    return None


def count_keys(row: tuple[Any, ...], event: Any) -> list[tuple[str, str, str]]:
    """What the entry of a row counts for: topic, tenant, word; for nothing where it is a test."""
    if getattr(event, "is_test", False):
        return []
    topic, tenant, word = row[0], row[4], row[8]
    is_page = isinstance(event, Receipt) and event.action == TRIGGER
    return [(topic, tenant, word), *([(PAGES, tenant, word)] if is_page else [])]


def thing_row(record: Record, event: Any) -> tuple[Any, ...] | None:
    """The row of `things`, or None for the chunks of snapshots: nobody asks for them."""
    if isinstance(event, ModelRecord) and event.index != HEAD:
        return None
    return (record.topic, record.key, getattr(event, "tenant", ""), pack(event))
