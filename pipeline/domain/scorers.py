"""Scorers: the models that judge, made of the snapshots on `models`, each taken only whole.

A stage keeps one and asks it for the scorer of a model, of whatever kind that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from pipeline.domain.model import ModelKind, Scorer, Snapshot, SnapshotError
from pipeline.domain.outcome import SLOTS, ModelRecord, chunk_key, word_of
from pipeline.domain.stakes import threshold
from pipeline.domain.wiring import Learning

SCORERS_MAX: Final = 8
"""Models held ready, some 30 MB each; at the limit the one that was asked longest ago goes, and
is made again of its snapshot when it is asked."""


class Taken(Struct, frozen=True):
    """What became of a head record: the scorer (None: the rules decide), and what is wrong with
    the snapshots that could not be taken ("": nothing). From the chance `quiet_from` on incidents
    may be held back (-1: none may).
    """

    record: ModelRecord | None
    scorer: Scorer | None = None
    trouble: str = ""
    quiet_from: float = -1.0


_NOTHING: Final = Taken(None)


class Scorers:
    """The scorers of one stage. What they answer follows from the global and `risk` alone: of the
    incidents that need somebody, the share that may be held back.
    """

    def __init__(self, learning: Learning | None, risk: float = 0.0) -> None:
        self._learning = learning
        self._risk = risk
        self._taken: dict[str, Taken] = {}

    def take(self, model: str, records: Mapping[str, ModelRecord]) -> Taken:
        """The scorer of a model by its last snapshot; where that is broken, by the one before."""
        record = records.get(model)
        if record is None:
            return _NOTHING
        known = self._taken.get(model)
        if known is not None and known.record is record:
            return known
        kind = None if self._learning is None else self._learning.kinds.get(word_of(model))
        if kind is None:
            return _NOTHING
        self._taken.pop(model, None)
        if len(self._taken) >= SCORERS_MAX:
            del self._taken[next(iter(self._taken))]
        taken = self._taken[model] = _taken(kind, record, records, self._risk)
        return taken


def _taken(
    kind: ModelKind[Any], record: ModelRecord, records: Mapping[str, ModelRecord], risk: float
) -> Taken:
    troubles = []
    for age, head in enumerate(record.heads[:SLOTS]):
        slot = (record.slot + age) % SLOTS
        try:
            scorer = kind.restore(head, _chunks(head, record.model, slot, records))
        except SnapshotError as error:
            troubles.append(f"the snapshot {head.version} cannot be taken: {error.reason}")
        else:
            return Taken(record, scorer, "; ".join(troubles), threshold(head.stakes, risk))
    return Taken(record, None, "; ".join(troubles) or "it has no snapshot")


def _chunks(
    head: Snapshot, model: str, slot: int, records: Mapping[str, ModelRecord]
) -> list[bytes]:
    chunks = []
    for index in range(head.chunks_count):
        chunk = records.get(chunk_key(model, slot, index))
        if chunk is None:
            raise SnapshotError("incomplete", f"chunk {index} of {head.version} is missing")
        chunks.append(chunk.body)
    return chunks
