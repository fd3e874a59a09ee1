"""The values that stand on topics: for each of them there is one published Avro schema."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.domain.alert import Alert
from pipeline.domain.audit import AuditRecord
from pipeline.domain.catalog import Change, Service
from pipeline.domain.command import Command
from pipeline.domain.deadletter import DeadLetter
from pipeline.domain.incident import Incident
from pipeline.domain.journal import JournalRecord
from pipeline.domain.notification import Notification, Receipt
from pipeline.domain.outcome import ModelRecord, Outcome
from pipeline.domain.silence import Silence

TOPIC_VALUES: Final[dict[str, type[Struct]]] = {
    kind.__name__: kind
    for kind in (
        Alert,
        AuditRecord,
        Change,
        Command,
        DeadLetter,
        Incident,
        JournalRecord,
        ModelRecord,
        Notification,
        Outcome,
        Receipt,
        Service,
        Silence,
    )
}
"""Each topic value by the name that topology.yaml calls its schema."""
