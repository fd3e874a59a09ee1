"""The log: topics as SQLite tables, one per partition, with the offset as the row's id.

Appends happen inside the transaction of an epoch. The last records of each partition are kept
decoded, since the next agent of the stream mostly reads what the one before just wrote.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

import msgspec

from pipeline.domain.record import Record
from pipeline.domain.store import Output
from pipeline.hosts.embedded.database import guarded, transaction
from pipeline.hosts.embedded.rows import write_rows

TAIL_MAX: Final = 4_000
"""Records kept in memory per partition; whoever is further behind reads from the disk."""

TAIL_BYTES_MAX: Final = 16 * 2**20
"""Bytes of values kept in memory per partition, however few records that are."""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(dict[str, str]).decode


class Partition:
    """One partition: its table, the next offset (committed or not) and the tail in memory."""

    def __init__(self, row_id: int, table: str, following: int) -> None:
        self.id = row_id
        self.table = table
        self.following = following
        self.committed = following
        self.tail: list[Record] = []
        self.tail_bytes = 0

    def from_tail(self, offset: int, limit: int) -> list[Record] | None:
        """Records from the tail, or None where `offset` lies before it."""
        if not self.tail or offset < self.tail[0].offset:
            return None
        start = offset - self.tail[0].offset
        return self.tail[start : start + limit]

    def shorten(self) -> None:
        """Keep the last records: half of what may be kept, so that this is rare."""
        kept, self.tail_bytes = 0, 0
        for record in islice(reversed(self.tail), TAIL_MAX):
            size_bytes = len(record.value or b"")
            if self.tail_bytes + size_bytes > TAIL_BYTES_MAX // 2:
                break
            kept, self.tail_bytes = kept + 1, self.tail_bytes + size_bytes
        self.tail = self.tail[len(self.tail) - kept :]


class SqliteLog:
    """Topics of one database. Without a transaction around it an append is its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._partitions: dict[tuple[str, int], Partition] = {}
        with guarded():
            for number, topic, partition, floor in connection.execute(
                "SELECT id, topic, partition, floor FROM partitions"
            ).fetchall():
                self._partitions[topic, partition] = self._open(number, floor)

    def declare(self, topic: str, partitions: int) -> None:
        """Create the partitions of a topic that do not exist yet."""
        new = [n for n in range(partitions) if (topic, n) not in self._partitions]
        for partition in new:
            with transaction(self._db):
                number = self._db.execute(
                    "INSERT INTO partitions (topic, partition) VALUES (?, ?) RETURNING id",
                    (topic, partition),
                ).fetchone()[0]
                self._db.execute(
                    f"CREATE TABLE IF NOT EXISTS log_{number} (offset INTEGER PRIMARY KEY,"
                    " key TEXT NOT NULL, value BLOB, headers BLOB NOT NULL,"
                    " timestamp_ms INTEGER NOT NULL)"
                )
            with guarded():
                self._partitions[topic, partition] = self._open(number, 0)

    def _open(self, number: int, floor: int) -> Partition:
        table = f"log_{number}"
        last = self._db.execute(f"SELECT max(offset) FROM {table}").fetchone()[0]  # noqa: S608
        return Partition(number, table, max(floor, 0 if last is None else last + 1))

    def append(
        self, outputs: Iterable[Output], timestamp_ms: int, partition: int = 0
    ) -> list[tuple[str, int, int]]:
        """Append in order; the (topic, partition, offset) of each. Raises StoreError."""
        rows: dict[str, list[tuple[int, str, bytes | None, bytes, int]]] = {}
        positions = []
        packed, headers = b"", None
        for output in outputs:
            part = self._partitions[output.topic, partition]
            offset, part.following = part.following, part.following + 1
            if output.headers is not headers:
                headers, packed = output.headers, _pack(output.headers)
            rows.setdefault(part.table, []).append(
                (offset, output.key, output.value, packed, timestamp_ms)
            )
            part.tail_bytes += len(output.value or b"")
            part.tail.append(
                Record(
                    topic=output.topic,
                    partition=partition,
                    offset=offset,
                    key=output.key,
                    value=output.value,
                    headers=output.headers,
                    timestamp_ms=timestamp_ms,
                    event=output.event,
                )
            )
            positions.append((output.topic, partition, offset))
        with guarded():
            for table, values in rows.items():
                write_rows(self._db, f"INSERT INTO {table}", values)
        return positions

    def read(self, topic: str, partition: int, offset: int, limit: int) -> Sequence[Record]:
        """At most `limit` records from `offset` on, in order."""
        return list(self.ahead(topic, partition, offset, limit))

    def ahead(self, topic: str, partition: int, offset: int, limit: int) -> Iterable[Record]:
        """As `read`, but records on the disk are read as they are asked for: one may be large."""
        part = self._partitions[topic, partition]
        if offset >= part.following:
            return ()
        found = part.from_tail(offset, limit)
        return islice(self.scan(topic, partition, offset), limit) if found is None else found

    def recent(
        self, topic: str, partition: int, offset: int, limit: int
    ) -> Sequence[Record] | None:
        """Committed records from the tail, or None where it does not reach back to `offset`.

        For readers in other threads: a tail only grows, or is replaced by a shorter one.
        """
        part = self._partitions[topic, partition]
        committed, tail = part.committed, part.tail
        if not tail or offset < tail[0].offset:
            return None
        first = tail[0].offset
        return tail[offset - first : max(0, min(offset + limit, committed) - first)]

    def scan(self, topic: str, partition: int, offset: int = 0) -> Iterator[Record]:
        """All records from `offset` on, read from the disk as they are asked for."""
        part = self._partitions[topic, partition]
        with guarded():
            for row in self._db.execute(
                f"SELECT offset, key, value, headers, timestamp_ms FROM {part.table}"  # noqa: S608
                " WHERE offset >= ? ORDER BY offset",
                (offset,),
            ):
                yield Record(
                    topic=topic,
                    partition=partition,
                    offset=row[0],
                    key=row[1],
                    value=row[2],
                    headers=_unpack(row[3]),
                    timestamp_ms=row[4],
                )

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """(first retained offset, next offset to be written)."""
        part = self._partitions[topic, partition]
        with guarded():
            first = self._db.execute(f"SELECT min(offset) FROM {part.table}").fetchone()[0]  # noqa: S608
        return (part.following if first is None else first), part.following

    def partitions(self, topic: str) -> Iterator[int]:
        """The partitions of a topic."""
        return (partition for name, partition in self._partitions if name == topic)

    def topics(self) -> list[str]:
        """All topics that exist."""
        return list(dict.fromkeys(name for name, _ in self._partitions))

    def refresh(self) -> None:
        """After a rollback, or in a reader: find out anew where each partition ends."""
        with guarded():
            floors = dict(self._db.execute("SELECT id, floor FROM partitions").fetchall())
            for key, part in self._partitions.items():
                self._partitions[key] = self._open(part.id, floors[part.id])

    def committed(self) -> None:
        """Show readers what was appended; let go of what no longer belongs to the tails."""
        for part in self._partitions.values():
            part.committed = part.following
            if len(part.tail) > 2 * TAIL_MAX or part.tail_bytes > TAIL_BYTES_MAX:
                part.shorten()

    def part(self, topic: str, partition: int) -> Partition:
        """The partition itself, for retention."""
        return self._partitions[topic, partition]
