"""From what a parser found to records: one per alert on raw-alerts, one per bad member on
dead-letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct, field

from pipeline.codec import encode
from pipeline.domain import record as header
from pipeline.domain.deadletter import DETAIL_SIZE_MAX, DeadLetter
from pipeline.domain.record import DEFAULT_TENANT
from pipeline.domain.store import Output
from pipeline.edge.members import Kept, split
from pipeline.stages.ingest import Draft, IngestConfig, Parsed, draft_fingerprint, encode_draft
from pipeline.stages.ingest.cut import within_limits

RAW_ALERTS: Final = "raw-alerts"
DEAD_LETTERS: Final = "dead-letters"
NATIVE: Final = "native"

RECORD_SIZE_BYTES_MAX: Final = 500_000
"""An alert over this is cut to the limits of `ingest` at once, to stay below Kafka's 1 MB."""

FAULTS_SHOWN_MAX: Final = 20
"""Faults named where one dead letter holds several of them."""

KEPT_SIZE_BYTES_MAX: Final = 900_000
"""So many bytes of a refused member are kept on dead-letters."""


class Delivery(Struct, frozen=True, kw_only=True):
    """What one request says of all its alerts. `attributes` are headers without which what it
    brought cannot be read again.
    """

    tenant: str = DEFAULT_TENANT
    source: str = ""
    format_name: str = NATIVE
    idempotency_key: str = ""
    trace_id: str = ""
    attributes: dict[str, str] = field(default_factory=dict)

    def headers(self) -> dict[str, str]:
        """The headers of its records: one dict for all, since a log packs equal ones once."""
        found = {header.TENANT: self.tenant, header.FORMAT: NATIVE}
        if self.source:
            found[header.SOURCE] = self.source
        if self.idempotency_key:
            found[header.IDEMPOTENCY] = self.idempotency_key
        if self.trace_id:
            found[header.TRACE] = self.trace_id
        return found


def records_of(
    parsed: Parsed, body: bytes, delivery: Delivery, config: IngestConfig, now_ms: int
) -> list[Output]:
    """All records that one request becomes: alerts first, then dead letters."""
    headers = delivery.headers()
    records = [record_of(draft, headers, config) for draft in parsed.drafts]
    if parsed.rejected:
        for number, kept in enumerate(split(body, parsed.rejected)):
            records.append(_dead_letter(kept, number, delivery, now_ms))
    return records


def record_of(draft: Draft, headers: dict[str, str], config: IngestConfig) -> Output:
    """One alert as a record of raw-alerts."""
    value = encode_draft(draft)
    if len(value) > RECORD_SIZE_BYTES_MAX:
        value = encode_draft(within_limits(draft, config, len(value)))
    key = draft.fingerprint or draft_fingerprint(draft, config)
    return Output(topic=RAW_ALERTS, key=key, value=value, headers=headers)


def _dead_letter(kept: Kept, number: int, delivery: Delivery, now_ms: int) -> Output:
    headers = delivery.headers() | {header.FORMAT: delivery.format_name} | delivery.attributes
    first, value = kept.faults[0], kept.value
    faults = kept.faults[:FAULTS_SHOWN_MAX]
    detail = "; ".join(f"{bad.path}: {bad.detail}" if bad.path else bad.detail for bad in faults)
    if len(kept.faults) > len(faults):
        detail += f"; and {len(kept.faults) - len(faults)} more"
    if len(value) > KEPT_SIZE_BYTES_MAX:
        detail += f" (of its {len(value)} bytes the first {KEPT_SIZE_BYTES_MAX} are kept)"
        value = value[:KEPT_SIZE_BYTES_MAX]
    letter = DeadLetter(
        dead_letter_id=f"{delivery.trace_id}-{number}",
        topic=RAW_ALERTS,
        partition=-1,
        offset=-1,
        index=first.index if len(kept.faults) == 1 else -1,
        key="",
        value=value,
        headers=headers,
        agent="edge",
        stage="ingest",
        reason=first.reason,
        detail=detail[-DETAIL_SIZE_MAX:],
        at_ms=now_ms,
        tenant=delivery.tenant,
    )
    return Output(
        topic=DEAD_LETTERS, key=RAW_ALERTS, value=encode(letter), headers=headers, event=letter
    )


class Refused(Struct, frozen=True):
    """One member that was not taken, or a field of it: the index in the batch (-1: the whole),
    where and why.
    """

    index: int
    path: str
    reason: str


class Accepted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to alerts that were taken: they are durable when it is sent. `warnings` name
    fields that were left out because no alert has them.
    """

    accepted: int
    refused: Sequence[Refused]
    trace_id: str
    warnings: Sequence[Refused] = ()
    skipped: Sequence[str] = ()
    cut_by_sender: int = 0


def answer_of(parsed: Parsed, trace_id: str, warnings: Sequence[Refused] = ()) -> bytes:
    """The body of a 202."""
    refused = [Refused(bad.index, bad.path, bad.detail) for bad in parsed.rejected]
    answer = Accepted(
        accepted=len(parsed.drafts),
        refused=refused,
        trace_id=trace_id,
        warnings=warnings,
        skipped=parsed.skipped,
        cut_by_sender=parsed.cut_by_sender,
    )
    return msgspec.json.encode(answer)
