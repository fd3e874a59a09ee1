"""Source: what an application holds, as whoever carries it away reads it. Nothing is written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple, Protocol

from pipeline.domain.store import Checkpoint

Place = tuple[str, int]
"""(topic, partition)."""


class Moved(NamedTuple):
    """One record as it stands in the source."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp_ms: int
    offset: int


class TableSize(NamedTuple):
    """One table of one task, and how many rows it has."""

    task: str
    table: str
    rows: int


class Bounds(NamedTuple):
    """The first offset that a partition still has, and the next to come."""

    first: int
    next: int


class Source(Protocol):
    """One application at rest: nobody else writes while this is open."""

    @property
    def name(self) -> str:
        """What it is called in what people read."""
        ...

    @property
    def installation(self) -> str:
        """The characters that its deduplication keys bear; empty where it was never started."""
        ...

    @property
    def applied(self) -> str:
        """The hash of the rules that decided last; empty where nothing was decided."""
        ...

    @property
    def texts(self) -> Mapping[str, str]:
        """The text of each topology.yaml that decided here, by its hash."""
        ...

    @property
    def checkpoints(self) -> Mapping[str, Checkpoint]:
        """How far the state of each task goes; `offsets` with all that its group committed."""
        ...

    async def tables(self) -> Sequence[TableSize]:
        """All tables that have rows, in one order always."""
        ...

    def rows(self, task: str, table: str, start: int) -> AsyncIterator[Sequence[tuple[str, bytes]]]:
        """The rows of a table by key, from the row number `start` on, in pieces."""
        ...

    async def bounds(self, topic: str) -> Mapping[int, Bounds]:
        """Where each partition of a topic begins and ends; empty where there is no such topic."""
        ...

    def records(self, place: Place, start: int, end: int) -> AsyncIterator[Sequence[Moved]]:
        """The committed records with start <= offset < end, in pieces."""
        ...


async def fingerprint(source: Source, topics: Sequence[str]) -> str:
    """What tells a source from another, and from itself once it has gone on: 16 hex digits."""
    parts = [source.installation]
    for task, checkpoint in sorted(source.checkpoints.items()):
        parts.append(f"{task} {checkpoint.epoch} {checkpoint.now_ms}")
        parts += [f"{at} {offset}" for at, offset in sorted(checkpoint.offsets.items())]
    for topic in sorted(topics):
        ends = await source.bounds(topic)
        parts += [f"{topic} {number} {bounds.next}" for number, bounds in sorted(ends.items())]
    return blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()
