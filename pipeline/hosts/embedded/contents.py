"""Contents: what lies in a data folder's database, for whoever copies it; nothing is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from pipeline.domain.errors import StoreError
from pipeline.domain.record import Record
from pipeline.domain.store import Checkpoint
from pipeline.hosts.embedded import bases
from pipeline.hosts.embedded.database import connect, guarded
from pipeline.hosts.embedded.folder import DATABASE
from pipeline.hosts.embedded.log import SqliteLog

_TEXT: Final = "topology:"


class Contents:
    """The database of one folder as it stands. `close` it. Raises StoreError where there is none.

    Who needs it to stand still holds the folder's lock meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / DATABASE
        if not path.is_file():
            raise StoreError(f"{path} does not exist: name a data folder with --data")
        self._db: sqlite3.Connection = connect(str(path), is_reader=True)
        self.log = SqliteLog(self._db)

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    def installation(self) -> str:
        """The characters of this installation; empty where it was never started."""
        return dict(self._facts()).get("installation", "")

    def texts(self) -> dict[str, str]:
        """The text of each topology.yaml that decided here, by its hash."""
        return {
            name.removeprefix(_TEXT): value
            for name, value in self._facts()
            if name.startswith(_TEXT)
        }

    def checkpoints(self) -> dict[str, Checkpoint]:
        """How far the state of each task goes, by the task's name."""
        return bases.checkpoints(self._db)

    def tables(self) -> list[tuple[str, str, int]]:
        """(task, table, rows) of all tables that have any, in one order always."""
        with guarded():
            return self._db.execute(
                "SELECT task, name, count(*) FROM state JOIN state_tables ON tid = id"
                " GROUP BY task, name ORDER BY task, name"
            ).fetchall()

    def rows(self, task: str, table: str, start: int = 0) -> Iterator[tuple[str, bytes]]:
        """(key, bytes) of one table by key, from the row number `start` on."""
        with guarded():
            cursor = self._db.execute(
                "SELECT key, value FROM state WHERE tid ="
                " (SELECT id FROM state_tables WHERE task = ? AND name = ?)"
                " ORDER BY key LIMIT -1 OFFSET ?",
                (task, table, start),
            )
            yield from cursor

    def records(self, topic: str, partition: int, start: int, limit: int) -> list[Record]:
        """At most `limit` records from offset `start` on."""
        return list(islice(self.log.scan(topic, partition, start), limit))

    def _facts(self) -> list[tuple[str, str]]:
        with guarded():
            return self._db.execute("SELECT name, value FROM facts ORDER BY name").fetchall()
