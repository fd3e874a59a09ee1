"""Receipts: what became of a notification, emitted once and counted."""

from __future__ import annotations

from pipeline.domain.notification import Receipt
from pipeline.domain.stage import Context
from pipeline.stages.send import reasons
from pipeline.stages.send.tables import Entry


def give_receipt(ctx: Context, entry: Entry, result: str, why: str, ref: str) -> None:
    """Emit what became of a notification, and count it."""
    told = entry.notification
    ctx.reason(
        reasons.RESULT_REASONS[result],
        receiver=told.receiver,
        action=told.action,
        detail=why or "as the receipt says",
        incident_id=told.incident_id,
    )
    receipt = Receipt(
        notification_id=told.notification_id,
        incident_id=told.incident_id,
        scope_id=told.scope_id,
        tenant=told.tenant,
        receiver=told.receiver,
        sequence=told.sequence,
        action=told.action,
        result=result,
        ref=ref,
        why=why,
        attempts=entry.attempt,
        status_code=entry.status_code,
        at_ms=ctx.now_ms,
        received_at_ms=told.received_at_ms,
        trace_id=told.trace_id,
        is_test=told.is_test,
    )
    ctx.emit("receipts", told.scope_id, receipt)
