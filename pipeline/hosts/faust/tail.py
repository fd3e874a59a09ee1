"""Tail: what was fetched of one partition and not yet taken, for a reader in another thread.

Offsets have holes where transactions ended and where compaction took something, so how far a
partition was read is not the last record's offset but where the next fetch begins.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct, field

from pipeline.domain.record import Record
from pipeline.hosts.faust.client.bulk import Stretch
from pipeline.hosts.faust.client.unpack import Headers, Row


class Tail(Struct, eq=False, kw_only=True):
    """One partition. `next` is where the next fetch begins (-1: nobody has asked for it yet),
    `taken` what its reader will ask for next; instants are of the monotonic clock.
    """

    topic: str
    partition: int
    first: int
    end: int
    next: int = -1
    taken: int = -1
    records: deque[Record] = field(default_factory=deque)
    size_bytes: int = 0
    is_at_end: bool = False
    answered_at_s: float = 0.0
    current_at_s: float = 0.0

    def begin(self, offset: int) -> None:
        """Read from this offset on; what was fetched from elsewhere is let go."""
        self.records.clear()
        self.size_bytes = 0
        self.next = self.taken = offset
        self.is_at_end = False

    def add(self, stretch: Stretch, now_s: float) -> bool:
        """Take in what a fetch from `next` has brought; whether there are records in it."""
        for row, headers in zip(stretch.rows, stretch.headers, strict=True):
            self.records.append(self._record(row, headers))
            self.size_bytes += len(row[1] or b"")
        self.next = stretch.next
        self.end = max(self.end, stretch.high_watermark)
        self.answered_at_s = now_s
        self.is_at_end = stretch.is_empty or stretch.next >= stretch.last_stable
        self._note()
        return bool(stretch.rows)

    def take(self, limit: int) -> list[Record]:
        """The next records, at most `limit`."""
        records = self.records
        found = [records.popleft() for _ in range(min(limit, len(records)))]
        if found:
            self.taken = found[-1].offset + 1
            self.size_bytes -= sum(len(record.value or b"") for record in found)
            self._note()
        return found

    @property
    def behind(self) -> int:
        """At most so many committed records are still to be taken; 0 where there is none."""
        unfetched = 0 if self.is_at_end else max(0, self.end - max(self.next, self.first))
        return len(self.records) + unfetched

    def _note(self) -> None:
        if self.is_at_end and not self.records:
            self.current_at_s = self.answered_at_s

    def _record(self, row: Row, headers: Headers) -> Record:
        key, value, offset, timestamp_ms = row
        return Record(
            topic=self.topic,
            partition=self.partition,
            offset=offset,
            key=_text(key),
            value=value,
            headers={name: _text(text) for name, text in headers},
            timestamp_ms=timestamp_ms,
        )


def _text(raw: bytes | None) -> str:
    return "" if raw is None else raw.decode("utf-8", "replace")
