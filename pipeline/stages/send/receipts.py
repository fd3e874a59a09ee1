"""Receipts: what became of a notification, emitted once and counted."""

from __future__ import annotations

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
    receipt = told.receipt(
        result,
        ctx.now_ms,
        attempts=entry.attempt,
        ref=ref,
        why=why,
        status_code=entry.status_code,
    )
    ctx.emit("receipts", told.scope_id, receipt)
