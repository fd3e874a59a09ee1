"""What is put on `models`, and kept to restore from: snapshots, each in the slot that is free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from pipeline.domain.model import Snapshot
from pipeline.domain.outcome import HEAD, SLOTS, ModelRecord, chunk_key
from pipeline.domain.stage import Context
from pipeline.stages.fit import reasons
from pipeline.stages.fit.tables import CHUNKS, ChunkRow, ModelRow, kept_chunk_key

TOPIC: Final = "models"


def publish(
    name: str, row: ModelRow, head: Snapshot, chunks: Sequence[bytes], ctx: Context
) -> ModelRow:
    """Write a snapshot of all that was taken in, in this epoch; the row as it is then."""
    slot = _other(row) if row.heads else 0
    table = ctx.table(CHUNKS)
    for index, body in enumerate(chunks):
        table.put(kept_chunk_key(name, slot, index), ChunkRow(body))
        chunk = ModelRecord(model=name, slot=slot, index=index, body=body)
        ctx.emit(TOPIC, chunk_key(name, slot, index), chunk)
    if len(row.heads) == SLOTS:
        _forget(name, slot, range(len(chunks), row.heads[1].chunks_count), ctx)
    heads = (head, *row.heads)[:SLOTS]
    ctx.emit(TOPIC, name, ModelRecord(model=name, slot=slot, index=HEAD, heads=heads))
    ctx.reason(
        reasons.PUBLISHED,
        model=name,
        version=head.version,
        learned=head.learned_count,
        size=head.size_bytes,
    )
    return replace(row, slot=slot, saved=row.count, saved_at_ms=ctx.now_ms, heads=heads)


def go_back(name: str, row: ModelRow, ctx: Context) -> ModelRow:
    """Judge by the snapshot before, and go on learning from there; what was learned since is
    forgotten. The row must have two snapshots.
    """
    now, before = row.heads
    slot = _other(row)
    _forget(name, row.slot, range(now.chunks_count), ctx)
    ctx.emit(TOPIC, name, ModelRecord(model=name, slot=slot, index=HEAD, heads=(before,)))
    return replace(
        row,
        slot=slot,
        saved=row.count,
        saved_at_ms=ctx.now_ms,
        heads=(before,),
        stakes=before.stakes,
        era=row.era + 1,
    )


def withdraw(name: str, row: ModelRow, ctx: Context) -> None:
    """Take a model back from `models`, and forget its snapshots."""
    for age, head in enumerate(row.heads):
        _forget(name, (row.slot + age) % SLOTS, range(head.chunks_count), ctx)
    if row.heads:
        ctx.emit(TOPIC, name, ModelRecord(model=name, index=HEAD))


def _other(row: ModelRow) -> int:
    return (row.slot + 1) % SLOTS


def _forget(name: str, slot: int, indexes: range, ctx: Context) -> None:
    table = ctx.table(CHUNKS)
    for index in indexes:
        table.delete(kept_chunk_key(name, slot, index))
