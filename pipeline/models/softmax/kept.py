"""A softmax model as a snapshot and back, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from pipeline.domain.model import HEADS, Features, Snapshot, SnapshotError, Subject
from pipeline.models.drift.policy import Policy
from pipeline.models.drift.watch import Watch
from pipeline.models.features.build import VERSION, Builder
from pipeline.models.features.hashing import ROWS
from pipeline.models.snapshot.arrays import pack, touched, unpack
from pipeline.models.snapshot.chunks import described, fits, joined
from pipeline.models.softmax.head import Head
from pipeline.models.softmax.model import COLUMNS, Softmax

KIND: Final = "softmax.2"
"""Rises whenever the same outcomes make other weights."""


class State(msgspec.Struct, frozen=True):
    """All of a model but its weights."""

    heads: list[Head]
    learned_count: int
    rows: int


def snapshot_of(model: Softmax, name: str, offset: int) -> tuple[Snapshot, tuple[bytes, ...]]:
    """The head record and the chunks of all that a model has learned up to `offset`."""
    heads = [
        msgspec.structs.replace(head, watch=model.watches[head.name].state())
        for head in model.heads
    ]
    table = model.table
    rows = touched(table.squares)
    raw = pack(
        State(heads, model.learned_count, table.rows),
        {
            "rows": rows.astype(np.int32),
            "weights": table.weights[rows],
            "squares": table.squares[rows],
        },
    )
    return described(
        raw,
        model=name,
        kind=KIND,
        features_version=VERSION,
        offset=offset,
        learned_count=model.learned_count,
        qualities=model.qualities(),
    )


def restored(head: Snapshot, chunks: Sequence[bytes], on_drift: Policy = "warn") -> Softmax:
    """The model of a snapshot, with this policy from now on. Raises SnapshotError."""
    fits(head, KIND, VERSION)
    state, arrays = unpack(joined(head, chunks), State)
    rows, weights, squares = (arrays.get(each) for each in ("rows", "weights", "squares"))
    columns = {each.name: each.labels.columns_max for each in state.heads}
    shape = (0 if rows is None else len(rows), sum(columns.values()))
    if rows is None or weights is None or squares is None:
        raise SnapshotError("content", f"snapshot {head.version} of {head.model} lacks a part")
    is_wrong = weights.shape != shape or squares.shape != shape or state.rows > ROWS
    is_wrong = is_wrong or not (np.isfinite(weights).all() and (squares >= 0.0).all())
    if is_wrong or (len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < state.rows):
        raise SnapshotError("content", f"snapshot {head.version} of {head.model} does not add up")
    model = Softmax(columns, state.rows, on_drift)
    model.table.weights[rows] = weights
    model.table.squares[rows] = squares
    model.heads = state.heads
    model.watches = {each.name: Watch(each.watch) for each in state.heads}
    model.learned_count = state.learned_count
    model.version = head.version
    return model


class SoftmaxKind:
    """The classifier of incidents as a kind of model; see domain.model.ModelKind."""

    kind = KIND
    features_version = VERSION
    heads = HEADS

    def __init__(self, on_drift: Policy = "warn") -> None:
        self._on_drift: Policy = on_drift
        self._builder = Builder()

    def features(self, subject: Subject) -> Features:
        """The features of a subject."""
        return self._builder.features(subject)

    def fresh(self) -> Softmax:
        """A model that has learned nothing."""
        return Softmax(COLUMNS, ROWS, self._on_drift)

    def restore(self, head: Snapshot, chunks: Sequence[bytes]) -> Softmax:
        """The model of a snapshot, bit for bit. Raises SnapshotError."""
        return restored(head, chunks, self._on_drift)
