"""What `fit` keeps of a model: its last snapshot, and the outcomes that came after it.

The two together are the model. So the state of the task alone restores it, bit for bit, whatever
became of the topics: nothing is read a second time, and there is no hole to fall into.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import Final

from msgspec import Struct, field

from pipeline.domain.model import Features, Snapshot
from pipeline.domain.outcome import Outcome
from pipeline.domain.stage import TableSpec, before_slash
from pipeline.domain.stakes import Stakes

RING: Final = 50_000
"""Outcomes kept after a snapshot, some 200 bytes each. A snapshot is due before the ring is
full; an outcome takes the place of one that the snapshot holds."""

DIGEST_BYTES: Final = 16


class ModelRow(Struct, frozen=True, array_like=True):
    """How far one model is (`<model>`).

    `count` outcomes were taken in, `digest` is a chained hash of them all. `heads` are the last
    snapshot (`slot` says where it is on `models`) and the one before; the last one has learned
    `saved` of them, and was made at `saved_at_ms`. `stakes` counts the chances that incidents had
    been given before they turned out.
    """

    count: int = 0
    digest: bytes = b""
    slot: int = 0
    saved: int = 0
    saved_at_ms: int = 0
    wake_at_ms: int = 0
    heads: tuple[Snapshot, ...] = ()
    stakes: Stakes = Stakes()


class LearnedRow(Struct, frozen=True, array_like=True):
    """One outcome to be learned (`<model>/<place in the ring>`): the features packed as
    little-endian uint32 and float64, head → label, and the digest of all up to this one.
    """

    rows: bytes
    dense: bytes
    labels: dict[str, str] = field(default_factory=dict)
    digest: bytes = b""


class ChunkRow(Struct, frozen=True, array_like=True):
    """One chunk of the last snapshot (`<model>/<index>`)."""

    body: bytes


MODELS: Final = TableSpec(name="fit-models", type=ModelRow, owner=before_slash)
LEARNED: Final = TableSpec(name="fit-learned", type=LearnedRow, owner=before_slash)
CHUNKS: Final = TableSpec(name="fit-chunks", type=ChunkRow, owner=before_slash)


def learned_key(model: str, number: int) -> str:
    """Where the outcome with this number (from 1) is kept."""
    return f"{model}/{number % RING:05d}"


def kept(outcome: Outcome, before: bytes) -> LearnedRow:
    """The row of an outcome that follows those with the digest `before`."""
    rows = struct.pack(f"<{len(outcome.rows)}I", *outcome.rows)
    dense = struct.pack(f"<{len(outcome.dense)}d", *outcome.dense)
    labels = dict(sorted(outcome.labels.items()))
    digest = blake2b(before, digest_size=DIGEST_BYTES)
    for part in (rows, dense, *(text.encode("utf-8", "replace") for text in _flat(labels))):
        digest.update(len(part).to_bytes(4, "big") + part)
    return LearnedRow(rows, dense, labels, digest.digest())


def features_of(row: LearnedRow) -> Features:
    """The features that a row keeps, without their tokens."""
    return Features(
        struct.unpack(f"<{len(row.rows) // 4}I", row.rows),
        struct.unpack(f"<{len(row.dense) // 8}d", row.dense),
    )


def _flat(labels: dict[str, str]) -> list[str]:
    return [text for pair in labels.items() for text in pair]
