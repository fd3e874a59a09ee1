"""Store and Log: the bytes beneath tables and topics, as every host implements them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct, field

from pipeline.domain.record import Record

Changes = Mapping[tuple[str, str], bytes | None]
"""(table, key) → the new bytes, or None where the key is deleted."""


class Checkpoint(Struct, frozen=True, kw_only=True):
    """How far the state goes: the epoch's number, its time, the next offset per topic and
    partition (as `topic:partition`).
    """

    epoch: int = 0
    now_ms: int = 0
    offsets: dict[str, int] = field(default_factory=dict)


class Store(Protocol):
    """State of one task: ordered keys per table, changed as a whole or not at all."""

    def get(self, table: str, key: str) -> bytes | None:
        """The bytes under `key`, or None. Raises StoreError."""
        ...

    def scan(self, table: str, start: str, end: str, limit: int = 0) -> Iterable[tuple[str, bytes]]:
        """(key, bytes) with start <= key < end by key, at most `limit` of them (0: all)."""
        ...

    def write(self, changes: Changes, checkpoint: Checkpoint) -> None:
        """Apply all changes and the checkpoint, atomically. Raises StoreError."""
        ...

    def checkpoint(self) -> Checkpoint:
        """The last checkpoint written; a fresh one where there is none."""
        ...


class Output(Struct, kw_only=True):
    """A record to be appended; `event` is the decoded form for readers in this process."""

    topic: str
    key: str
    value: bytes | None
    headers: dict[str, str] = field(default_factory=dict)
    event: object = None


class Log(Protocol):
    """Topics as a reader sees them: only what is committed."""

    def read(self, topic: str, partition: int, offset: int, limit: int) -> Sequence[Record]:
        """At most `limit` records from `offset` on, in order. Raises StoreError."""
        ...

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """(first retained offset, next offset to be written)."""
        ...

    def partitions(self, topic: str) -> Iterator[int]:
        """The partitions of a topic."""
        ...


class Appender(Protocol):
    """What the edge needs of a host: durable appends. The awaitable ends after the commit
    that holds the records; it raises Busy where nothing was accepted.
    """

    async def append(self, outputs: Iterable[Output]) -> Sequence[tuple[str, int, int]]:
        """Append all or nothing; the (topic, partition, offset) of each, once durable."""
        ...
