"""What `fit` keeps of a model: its last two snapshots, and the outcomes that came after it.

The last one and those are the model. So the state of the task alone restores it, bit for bit,
whatever became of the topics: nothing is read a second time, and there is no hole to fall into.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import Final

from msgspec import Struct, field

from pipeline.domain.model import Features, Snapshot
from pipeline.domain.outcome import SHADOW, Outcome
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
    been given before they turned out. `era` rises where the model goes on from another state than
    its outcomes led to. A shadow that `is_rival` was begun for a drift, and takes its model's place
    by itself.
    """

    count: int = 0
    digest: bytes = b""
    slot: int = 0
    saved: int = 0
    saved_at_ms: int = 0
    wake_at_ms: int = 0
    heads: tuple[Snapshot, ...] = ()
    stakes: Stakes = Stakes()
    era: int = 0
    is_rival: bool = False


class LearnedRow(Struct, frozen=True, array_like=True):
    """One outcome to be learned (`<model>/<place in the ring>`): the features packed as
    little-endian uint32 and float64, head → label, the digest of all up to this one, and the
    version of the features.
    """

    rows: bytes
    dense: bytes
    labels: dict[str, str] = field(default_factory=dict)
    digest: bytes = b""
    version: int = 0


class ChunkRow(Struct, frozen=True, array_like=True):
    """One chunk of one of the last two snapshots (`<model>/<slot>/<index>`)."""

    body: bytes


def owner_of(key: str) -> str:
    """The model of a row; a shadow's are its model's."""
    return before_slash(key).removesuffix(SHADOW)


MODELS: Final = TableSpec(name="fit-models", type=ModelRow, owner=owner_of)
LEARNED: Final = TableSpec(name="fit-learned", type=LearnedRow, owner=owner_of)
CHUNKS: Final = TableSpec(name="fit-chunks", type=ChunkRow, owner=owner_of)


def learned_key(model: str, number: int) -> str:
    """Where the outcome with this number (from 1) is kept."""
    return f"{model}/{number % RING:05d}"


def kept_chunk_key(model: str, slot: int, index: int) -> str:
    """Where a chunk is kept to restore from."""
    return f"{model}/{slot}/{index:04d}"


def kept(outcome: Outcome, before: bytes) -> LearnedRow:
    """The row of an outcome that follows those with the digest `before`."""
    rows = struct.pack(f"<{len(outcome.rows)}I", *outcome.rows)
    dense = struct.pack(f"<{len(outcome.dense)}d", *outcome.dense)
    labels = dict(sorted(outcome.labels.items()))
    digest = blake2b(before, digest_size=DIGEST_BYTES)
    for part in (rows, dense, *(text.encode("utf-8", "replace") for text in _flat(labels))):
        digest.update(len(part).to_bytes(4, "big") + part)
    return LearnedRow(rows, dense, labels, digest.digest(), outcome.features_version)


def features_of(row: LearnedRow) -> Features:
    """The features that a row keeps, without their tokens."""
    return Features(
        struct.unpack(f"<{len(row.rows) // 4}I", row.rows),
        struct.unpack(f"<{len(row.dense) // 8}d", row.dense),
    )


def _flat(labels: dict[str, str]) -> list[str]:
    return [text for pair in labels.items() for text in pair]
