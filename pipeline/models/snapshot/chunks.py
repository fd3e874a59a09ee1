"""A snapshot as records: chunks small enough for a topic, a head record that names and checks
them, and two slots, so that the one before is whole while a new one is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Final, TypeVar

from msgspec import Struct

from pipeline.domain.model import Quality, Snapshot, SnapshotError

CHUNK_BYTES_MAX: Final = 512 * 1024
"""Half of what a topic takes by default."""

CHUNKS_MAX: Final = 2_048
SLOTS: Final = 2

T = TypeVar("T")


def split(raw: bytes) -> tuple[bytes, ...]:
    """The bytes in chunks of CHUNK_BYTES_MAX; one, empty, of no bytes."""
    return tuple(
        raw[at : at + CHUNK_BYTES_MAX] for at in range(0, max(len(raw), 1), CHUNK_BYTES_MAX)
    )


def checksum(chunks: Sequence[bytes]) -> str:
    """BLAKE2b-256 of all chunks in order, in hex."""
    digest = blake2b(digest_size=32)
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def described(
    raw: bytes,
    *,
    model: str,
    kind: str,
    features_version: int,
    offset: int,
    learned_count: int,
    qualities: tuple[Quality, ...],
) -> tuple[Snapshot, tuple[bytes, ...]]:
    """The head record and the chunks of a model whose state is `raw`."""
    chunks = split(raw)
    found = checksum(chunks)
    return Snapshot(
        model=model,
        kind=kind,
        features_version=features_version,
        version=f"{learned_count}-{found[:8]}",
        offset=offset,
        learned_count=learned_count,
        chunks_count=len(chunks),
        size_bytes=len(raw),
        checksum=found,
        qualities=qualities,
    ), chunks


def joined(head: Snapshot, chunks: Sequence[bytes]) -> bytes:
    """The bytes of a snapshot that is whole. Raises SnapshotError: `incomplete`, `checksum`."""
    size_bytes = sum(map(len, chunks))
    if len(chunks) != head.chunks_count or size_bytes != head.size_bytes:
        raise SnapshotError(
            "incomplete",
            f"snapshot {head.version} of {head.model} has {len(chunks)} of {head.chunks_count} "
            f"chunks and {size_bytes} of {head.size_bytes} bytes",
        )
    if checksum(chunks) != head.checksum:
        raise SnapshotError(
            "checksum", f"snapshot {head.version} of {head.model} is not what was written"
        )
    return b"".join(chunks)


def fits(head: Snapshot, kind: str, features_version: int) -> None:
    """Raises SnapshotError where a snapshot is of another kind of model or of other features."""
    if head.kind != kind:
        raise SnapshotError(
            "kind",
            f"snapshot {head.version} of {head.model} is of kind {head.kind}, not {kind}: "
            "the model learns anew from the retained outcomes",
        )
    if head.features_version != features_version:
        raise SnapshotError(
            "features",
            f"snapshot {head.version} of {head.model} learned features of version "
            f"{head.features_version}, this version makes {features_version}: "
            "the model learns anew from the retained outcomes",
        )


class Refused(Struct, frozen=True):
    """A snapshot that was passed over: its version ("" unknown), the reason, and the text."""

    version: str
    reason: str
    text: str


def newest(
    heads: Sequence[Snapshot | None],
    chunks: Mapping[int, Sequence[bytes]],
    restore: Callable[[Snapshot, Sequence[bytes]], T],
) -> tuple[T | None, Snapshot | None, tuple[Refused, ...]]:
    """The model of the newest slot that can be taken, its head record, and what was passed over.

    `heads` has the head record of each slot (None: never written), `chunks` the chunks of each
    slot. The slot with the higher offset comes first; where none can be taken, the model is None.
    """
    refused: list[Refused] = []
    slots = [(head.offset, slot, head) for slot, head in enumerate(heads) if head is not None]
    for _, slot, head in sorted(slots, key=lambda each: each[:2], reverse=True):
        try:
            return restore(head, chunks.get(slot, ())), head, tuple(refused)
        except SnapshotError as error:
            refused.append(Refused(head.version, error.reason, str(error)))
    return None, None, tuple(refused)


def next_slot(taken: int) -> int:
    """The slot to write after the one that is in use (-1: none)."""
    return (taken + 1) % SLOTS
