"""Memory: the models as they stand in this process, which are no state.

A model in memory has learned the outcomes 1..n with the digest d. Where the table says the same
of its nth outcome it goes on from there; where it does not (an epoch was taken back and run
again without an event that raised), or after a start, the model is made anew of the snapshot and
the outcomes after it. So what is in memory never decides anything: only how long it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from pipeline.domain.model import Model, ModelKind, SnapshotError
from pipeline.domain.outcome import word_of
from pipeline.domain.stage import Context, Table
from pipeline.stages.fit import reasons
from pipeline.stages.fit.tables import (
    CHUNKS,
    LEARNED,
    RING,
    ChunkRow,
    LearnedRow,
    ModelRow,
    features_of,
    kept_chunk_key,
    learned_key,
)

MODELS_MAX: Final = 8
"""Models in memory, some 30 MB each; at the limit the one used longest ago goes, and is made
anew when it is needed."""


class Standing(Struct):
    """One model with the count and the digest of what it has learned, in which era."""

    model: Model
    count: int
    digest: bytes
    era: int


class Memory:
    """The models of one task."""

    def __init__(self, kinds: Mapping[str, ModelKind[Any]]) -> None:
        self._kinds = kinds
        self._standing: dict[str, Standing] = {}

    def catch_up(self, name: str, row: ModelRow, ctx: Context, learn_max: int) -> Model:
        """Learn at most `learn_max` of the outcomes that are still to be learned (0: all)."""
        learned, version = ctx.table(LEARNED), self._kinds[word_of(name)].features_version
        standing = self._standing.pop(name, None)
        if standing is None or not _fits(standing, name, row, learned):
            standing = self._made(name, row, ctx.table(CHUNKS), ctx)
        if len(self._standing) >= MODELS_MAX:
            del self._standing[next(iter(self._standing))]
        end = row.count if learn_max == 0 else min(row.count, standing.count + learn_max)
        for number in range(standing.count + 1, end + 1):
            outcome = learned.get(learned_key(name, number))
            if outcome is None:  # the ring holds all that came after the snapshot
                raise LookupError(f"{name}: outcome {number} is missing from {LEARNED.name}")
            if outcome.version == version:
                standing.model.learn(features_of(outcome), outcome.labels)
            standing.count, standing.digest = number, outcome.digest
        self._standing[name] = standing
        return standing.model

    def behind(self, name: str, row: ModelRow) -> int:
        """How many outcomes the model in memory has not learned."""
        standing = self._standing.get(name)
        if standing is None or standing.era != row.era:
            return row.count - row.saved
        return row.count - min(standing.count, row.count)

    def _made(self, name: str, row: ModelRow, chunks: Table[ChunkRow], ctx: Context) -> Standing:
        kind = self._kinds[word_of(name)]
        if not row.heads:
            return Standing(kind.fresh(), 0, b"", row.era)
        head = row.heads[0]
        bodies = []
        for index in range(head.chunks_count):
            chunk = chunks.get(kept_chunk_key(name, row.slot, index))
            bodies.append(b"" if chunk is None else chunk.body)
        try:
            model = kind.restore(head, bodies)
        except SnapshotError as error:
            # Another version of the algorithm or of the features: the new model begins with the
            # outcomes that are retained, as far as they are of these features.
            ctx.reason(reasons.BEGUN_ANEW, model=name, because=error.reason)
            return Standing(kind.fresh(), max(0, row.count - RING), b"", row.era)
        return Standing(model, row.saved, b"", row.era)


def _fits(standing: Standing, name: str, row: ModelRow, learned: Table[LearnedRow]) -> bool:
    if standing.era != row.era or standing.count > row.count:
        return False
    if standing.count == row.saved and not standing.digest:
        return True  # made of the very snapshot, and nothing learned since
    outcome = learned.get(learned_key(name, standing.count)) if standing.count else None
    return outcome is not None and outcome.digest == standing.digest
