"""Retention: what a topic lets go of, a bounded piece at a time between two epochs.

`delete`: records older than the retention that every reader has passed. `compact`: records
that one of the same key replaced longer ago than the lag, and tombstones of such an age.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from pipeline.hosts.embedded.database import guarded, transaction
from pipeline.hosts.embedded.log import Partition, SqliteLog

PIECE_MAX: Final = 5_000
"""Rows looked at per topic and call, so that no epoch waits long for it."""


class Keeping(Struct, frozen=True, kw_only=True):
    """How long one topic keeps what: `after_ms` is its retention, or of a compacted topic for how
    long a record stays after it was replaced.
    """

    after_ms: int
    is_compact: bool = False


class Retention:
    """Trims the topics of one log. Call `trim` often: it goes on where it stopped."""

    def __init__(
        self, connection: sqlite3.Connection, log: SqliteLog, keeping: Mapping[str, Keeping]
    ) -> None:
        self._db = connection
        self._log = log
        self._keeping = keeping
        self._cleaned: dict[str, int] = {}
        with guarded():
            for topic, rule in keeping.items():
                if rule.is_compact:
                    for number in log.partitions(topic):
                        table = log.part(topic, number).table
                        connection.execute(
                            f"CREATE INDEX IF NOT EXISTS {table}_keys ON {table} (key, offset)"
                        )

    def trim(self, now_ms: int, passed: Mapping[str, int]) -> int:
        """Delete at most PIECE_MAX rows per partition; how many went.

        `passed` gives, as `topic:partition`, the offset that every reader has passed; a
        partition that is not in it is read by nobody.
        """
        gone = 0
        with transaction(self._db):
            for topic, rule in self._keeping.items():
                for number in self._log.partitions(topic):
                    part = self._log.part(topic, number)
                    end = min(part.following, passed.get(f"{topic}:{number}", part.following))
                    before_ms = now_ms - rule.after_ms
                    drop = self._compact if rule.is_compact else self._delete
                    count = drop(part, before_ms, end)
                    if count:
                        self._keep_floor(part)
                        gone += count
        return gone

    def _keep_floor(self, part: Partition) -> None:
        """Offsets must not come twice, even when all records of a partition have gone."""
        self._db.execute("UPDATE partitions SET floor = ? WHERE id = ?", (part.following, part.id))

    def _delete(self, part: Partition, before_ms: int, end: int) -> int:
        first = self._db.execute(f"SELECT min(offset) FROM {part.table}").fetchone()[0]  # noqa: S608
        if first is None:
            return 0
        return self._db.execute(
            f"DELETE FROM {part.table} WHERE offset >= ? AND offset < ? AND timestamp_ms < ?",  # noqa: S608
            (first, min(end, first + PIECE_MAX), before_ms),
        ).rowcount

    def _compact(self, part: Partition, before_ms: int, end: int) -> int:
        start = self._cleaned.get(part.table, 0)
        stop = min(end, start + PIECE_MAX)
        youngest = self._db.execute(
            f"SELECT max(timestamp_ms) FROM {part.table} WHERE offset >= ? AND offset < ?",  # noqa: S608
            (start, stop),
        ).fetchone()[0]
        if youngest is not None and youngest >= before_ms:
            self._cleaned[part.table] = 0  # too young: what lies before may have been replaced
            return 0
        replaced = self._db.execute(
            f"DELETE FROM {part.table} WHERE offset >= ? AND offset < ? AND"  # noqa: S608
            f" EXISTS (SELECT 1 FROM {part.table} AS later WHERE later.key = {part.table}.key"
            f" AND later.offset > {part.table}.offset AND later.timestamp_ms < ?)",
            (start, stop, before_ms),
        ).rowcount
        # A tombstone goes after all that it deletes, or that would be there again.
        ended = self._db.execute(
            f"DELETE FROM {part.table} WHERE offset >= ? AND offset < ? AND value IS NULL AND"  # noqa: S608
            f" NOT EXISTS (SELECT 1 FROM {part.table} AS former WHERE former.key ="
            f" {part.table}.key AND former.offset < {part.table}.offset)",
            (start, stop),
        ).rowcount
        self._cleaned[part.table] = 0 if stop >= end else stop
        return replaced + ended
