"""SqliteStore: the state of one task as rows of one ordered table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from pipeline.domain.store import Changes, Checkpoint
from pipeline.hosts.embedded.database import guarded
from pipeline.hosts.embedded.rows import write_rows


class SqliteStore:
    """A Store inside the host's transaction: what is written is as durable as that."""

    def __init__(self, connection: sqlite3.Connection, task: str) -> None:
        self._db = connection
        self._task = task
        with guarded():
            self._ids: dict[str, int] = dict(
                connection.execute(
                    "SELECT name, id FROM state_tables WHERE task = ?", (task,)
                ).fetchall()
            )

    def _id(self, table: str) -> int:
        found = self._ids.get(table)
        if found is None:
            found = self._db.execute(
                "INSERT INTO state_tables (task, name) VALUES (?, ?)"
                " ON CONFLICT (task, name) DO UPDATE SET name = name RETURNING id",
                (self._task, table),
            ).fetchone()[0]
            self._ids[table] = found
        return found

    def get(self, table: str, key: str) -> bytes | None:
        """The bytes under `key`, or None."""
        number = self._ids.get(table)
        if number is None:
            return None
        with guarded():
            row = self._db.execute(
                "SELECT value FROM state WHERE tid = ? AND key = ?", (number, key)
            ).fetchone()
        return None if row is None else row[0]

    def scan(self, table: str, start: str, end: str, limit: int = 0) -> Iterable[tuple[str, bytes]]:
        """(key, bytes) with start <= key < end by key, at most `limit` (0: all)."""
        number = self._ids.get(table)
        if number is None:
            return []
        with guarded():
            return self._db.execute(
                "SELECT key, value FROM state WHERE tid = ? AND key >= ? AND key < ?"
                " ORDER BY key LIMIT ?",
                (number, start, end, limit or -1),
            ).fetchall()

    def write(self, changes: Changes, checkpoint: Checkpoint) -> None:
        """Apply all changes and the checkpoint, in the transaction that is open."""
        puts: list[tuple[int, str, bytes]] = []
        deletes: dict[int, list[tuple[str]]] = {}
        with guarded():
            for (table, key), value in changes.items():
                number = self._id(table)
                if value is None:
                    deletes.setdefault(number, []).append((key,))
                else:
                    puts.append((number, key, value))
            for number, keys in deletes.items():
                start = f"DELETE FROM state WHERE tid = {number} AND key IN ("  # noqa: S608
                write_rows(self._db, start, keys, ")")
            write_rows(self._db, "INSERT OR REPLACE INTO state", puts)
            self._db.execute(
                "INSERT OR REPLACE INTO checkpoints VALUES (?, ?)",
                (self._task, msgspec.msgpack.encode(checkpoint)),
            )

    def forget_ids(self) -> None:
        """After a rollback: ids given inside the transaction are gone."""
        with guarded():
            self._ids = dict(
                self._db.execute(
                    "SELECT name, id FROM state_tables WHERE task = ?", (self._task,)
                ).fetchall()
            )

    def checkpoint(self) -> Checkpoint:
        """The last checkpoint written; a fresh one where there is none."""
        with guarded():
            row = self._db.execute(
                "SELECT value FROM checkpoints WHERE task = ?", (self._task,)
            ).fetchone()
        return Checkpoint() if row is None else msgspec.msgpack.decode(row[0], type=Checkpoint)
