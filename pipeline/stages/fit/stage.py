"""The stage `fit`: what turned out becomes a model, and the model a snapshot on `models`.

Taking an outcome in and learning it are two things. To take it in is to put it into the table: it
is state from then on. To learn it is to move a model in memory that far, now or later. What is
published follows from the tables alone; learning needs River, which is loaded beside, and until
then outcomes gather.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from pipeline.domain.model import LABEL_CHARS_MAX, ROWS_MAX
from pipeline.domain.outcome import SHADOW, Outcome, shadow_of, word_of
from pipeline.domain.stage import Context, TableSpec
from pipeline.domain.stakes import QUIET, REAL, Stakes, counted
from pipeline.domain.wiring import Learning
from pipeline.stages.fit import reasons
from pipeline.stages.fit.memory import Memory
from pipeline.stages.fit.orders import Orders
from pipeline.stages.fit.publish import publish
from pipeline.stages.fit.shadow import compete
from pipeline.stages.fit.tables import (
    CHUNKS,
    LEARNED,
    MODELS,
    RING,
    ModelRow,
    kept,
    learned_key,
    owner_of,
)

FIRST: Final = 500
"""The first snapshot is made when so many outcomes are there: fewer decide nothing well."""

EVERY_COUNT: Final = RING
EVERY_MS: Final = 6 * 3_600_000
"""A snapshot is due after so many outcomes, or so long after the last one where there are any."""

NAMES_MAX: Final = 100
"""Models of one task; the outcomes of further ones are passed over, with a reason."""

LEARN_AT: Final = 64
LEARN_MAX: Final = 1_000
"""Outcomes are learned when so many wait, at most so many per event: some 30 ms."""


ROW_LIMIT: Final = 2**32
DENSE_MAX: Final = 64
NAME_CHARS_MAX: Final = 200
"""What an outcome may hold; classify keeps within it, and a foreign one is passed over."""


class FitStage:
    """Outcomes in; chunks and head records of snapshots out."""

    name = "fit"
    accepts = (Outcome,)
    tables: tuple[TableSpec[Any], ...] = (MODELS, LEARNED, CHUNKS)

    def __init__(
        self,
        learning: Learning | None,
        *,
        first: int = FIRST,
        every_count: int = EVERY_COUNT,
        has_rivals: bool = False,
    ) -> None:
        self._has_rivals = has_rivals
        self._learning = learning
        self._first = first
        self._every_count = min(every_count, RING)
        memory = None if learning is None else Memory(learning.kinds)
        self._memory = memory
        self._orders = None if memory is None else Orders(memory, first, NAMES_MAX)

    def process(self, event: Outcome, ctx: Context) -> None:
        """Take one outcome in, and publish where that is due."""
        learning, memory = self._learning, self._memory
        if event.order and self._orders is not None:
            self._orders.obey(event, ctx)
            return
        if not _is_well_formed(event):
            ctx.reason(reasons.MALFORMED)
            return
        kind = None if learning is None else learning.kinds.get(word_of(event.model))
        if learning is None or memory is None or kind is None:
            ctx.reason(reasons.OTHER_KIND)
            return
        labels = {
            head: label
            for head, label in event.labels.items()
            if head in kind.heads and 0 < len(label) <= LABEL_CHARS_MAX
        }
        if not labels or not event.rows:
            ctx.reason(reasons.EMPTY)
            return
        if event.features_version != kind.features_version:
            ctx.reason(reasons.OTHER_FEATURES)
            return
        event = replace(event, labels=labels)
        if not self._take(event.model, event, learning, memory, ctx):
            ctx.reason(reasons.TOO_MANY, most=NAMES_MAX, model=event.model)
            return
        shadow = shadow_of(event.model)
        if ctx.table(MODELS).get(shadow) is not None:
            self._take(shadow, replace(event, verdict=""), learning, memory, ctx)

    def _take(
        self, name: str, event: Outcome, learning: Learning, memory: Memory, ctx: Context
    ) -> bool:
        """Take an outcome in for one model; whether there is room for that model."""
        row = self._row(name, ctx)
        if row is None:
            return False
        entry = kept(event, row.digest)
        row = replace(row, count=row.count + 1, digest=entry.digest, stakes=_stakes(row, event))
        ctx.table(LEARNED).put(learned_key(name, row.count), entry)
        ctx.reason(reasons.TAKEN_IN, model=name)
        if self._is_due(row):
            row = self._publish(name, row, memory, ctx)
        elif learning.is_loaded and memory.behind(name, row) >= LEARN_AT:
            memory.catch_up(name, row, ctx, LEARN_MAX)
        if not row.wake_at_ms and row.count > row.saved > 0:
            row = replace(row, wake_at_ms=row.saved_at_ms + EVERY_MS)
            ctx.wake_at(name, max(row.wake_at_ms, ctx.now_ms + 1))
        ctx.table(MODELS).put(name, row)
        return True

    def wake(self, key: str, ctx: Context) -> None:
        """The last snapshot is old, and there is more to be told."""
        row = ctx.table(MODELS).get(key)
        if row is None or self._memory is None:
            return
        row = replace(row, wake_at_ms=0)
        if row.count > row.saved:
            due_ms = row.saved_at_ms + EVERY_MS
            if due_ms > ctx.now_ms:  # one was published since for its many outcomes
                row = replace(row, wake_at_ms=due_ms)
                ctx.wake_at(key, due_ms)
            else:
                row = self._publish(key, row, self._memory, ctx)
        ctx.table(MODELS).put(key, row)

    def owner_of_wake(self, key: str) -> str:
        """The model that is to be published: the key of its outcomes."""
        return owner_of(key)

    def _row(self, name: str, ctx: Context) -> ModelRow | None:
        """The row of a model, a new one where there may be one more."""
        models = ctx.table(MODELS)
        row = models.get(name)
        if row is None and sum(1 for _ in models.scan("")) < NAMES_MAX:
            row = ModelRow()
        return row

    def _is_due(self, row: ModelRow) -> bool:
        if not row.saved:
            return row.count >= self._first
        return row.count - row.saved >= self._every_count

    def _publish(self, name: str, row: ModelRow, memory: Memory, ctx: Context) -> ModelRow:
        head, chunks = memory.catch_up(name, row, ctx, 0).snapshot(name, row.count)
        row = publish(name, row, replace(head, stakes=row.stakes), chunks, ctx)
        if self._has_rivals and not name.endswith(SHADOW):
            row = compete(name, row, NAMES_MAX, memory, ctx)
        return row


def _stakes(row: ModelRow, event: Outcome) -> Stakes:
    """What is counted, with an incident of which it is known now how it turned out."""
    if event.verdict not in (REAL, QUIET) or not 0.0 <= event.quiet_chance <= 1.0:
        return row.stakes
    return counted(row.stakes, event.verdict, event.quiet_chance)


def _is_well_formed(event: Outcome) -> bool:
    """Whether the outcome has a size and a model's name that its rows can be kept under."""
    name = event.model
    return (
        len(event.rows) <= ROWS_MAX
        and all(0 <= row < ROW_LIMIT for row in event.rows)
        and len(event.dense) <= DENSE_MAX
        and 0 < len(name) <= NAME_CHARS_MAX
        and "/" not in name
        and not name.endswith(SHADOW)
    )
