"""LogReader: the log as another connection sees it, always up to what is committed now.

In the writer's own process it takes the latest records from the writer's memory, decoded as they
are there, instead of reading and decoding again what was just written.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from pipeline.domain.record import Record
from pipeline.hosts.embedded.database import connect, guarded
from pipeline.hosts.embedded.log import SqliteLog


class LogReader(SqliteLog):
    """Reads the topics of a database whose partitions exist; it must not append.

    `writer` is the log that is written to in this process, if it is.
    """

    def __init__(self, database: str, writer: SqliteLog | None = None) -> None:
        super().__init__(connect(database, is_reader=True))
        self._writer = writer

    def read(self, topic: str, partition: int, offset: int, limit: int) -> Sequence[Record]:
        """At most `limit` records from `offset` on, in order. Raises StoreError."""
        if self._writer is not None:
            recent = self._writer.recent(topic, partition, offset, limit)
            if recent is not None:
                return recent
        return list(islice(self.scan(topic, partition, offset), limit))

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """(first retained offset, next offset to be written), both as of now."""
        part = self.part(topic, partition)
        with guarded():
            floor = self._db.execute(
                "SELECT floor FROM partitions WHERE id = ?", (part.id,)
            ).fetchone()[0]
        part.following = self._open(part.id, floor).following
        return super().bounds(topic, partition)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()
