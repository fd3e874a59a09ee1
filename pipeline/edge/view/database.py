"""The view's SQLite file: its tables, its connections, and when it has to be built anew."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from pipeline.codec import TOPIC_VALUES, derive
from pipeline.domain.errors import StoreError

MEMORY: Final = ":memory:"
BUSY_MS: Final = 2_000

TABLES: Final = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE offsets (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)) WITHOUT ROWID;
CREATE TABLE incidents (
    incident_id TEXT PRIMARY KEY, tenant TEXT NOT NULL, scope_id TEXT NOT NULL,
    status TEXT NOT NULL, severity TEXT NOT NULL, services TEXT NOT NULL,
    opened_at_ms INTEGER NOT NULL, is_muted INTEGER NOT NULL, is_test INTEGER NOT NULL,
    words TEXT NOT NULL, value BLOB NOT NULL);
CREATE INDEX incidents_by_time ON incidents (opened_at_ms, incident_id);
CREATE INDEX incidents_by_status ON incidents (status, opened_at_ms, incident_id);
CREATE INDEX incidents_by_count ON incidents (is_test, status, tenant, is_muted);
CREATE INDEX incidents_by_tenant ON incidents (tenant, opened_at_ms, incident_id);
CREATE INDEX incidents_by_scope ON incidents (scope_id, opened_at_ms, incident_id);
CREATE TABLE entries (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, position INTEGER NOT NULL,
    at_ms INTEGER NOT NULL, tenant TEXT NOT NULL, incident_id TEXT NOT NULL, ref TEXT NOT NULL,
    receiver TEXT NOT NULL, word TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (topic, partition, position));
CREATE INDEX entries_by_time ON entries (topic, at_ms, partition, position);
CREATE INDEX entries_by_incident ON entries (incident_id, topic, at_ms) WHERE incident_id != '';
CREATE INDEX entries_by_ref ON entries (topic, ref) WHERE ref != '';
CREATE INDEX entries_by_receiver ON entries (topic, receiver, at_ms, partition, position)
    WHERE receiver != '';
CREATE INDEX entries_by_word ON entries (topic, word, at_ms, partition, position);
CREATE TABLE counts (
    topic TEXT NOT NULL, tenant TEXT NOT NULL, word TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (topic, tenant, word)) WITHOUT ROWID;
CREATE TABLE redriven (ref TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE things (
    topic TEXT NOT NULL, key TEXT NOT NULL, tenant TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (topic, key)) WITHOUT ROWID;
"""
"""incidents as they now are; entries of the topics that only grow (receipts, notifications,
audit, dead-letters); counts of all entries that ever were, by their word, without those of
tests, the receipts of triggers once more as `pages`; redriven, when a dead letter last was, by
its id; things of the other compacted topics (silences, services, changes, models)."""


def version() -> str:
    """A hash of the tables and of every value kept in them: another one means, build anew."""
    schemas = msgspec.json.encode([derive(kind) for kind in TOPIC_VALUES.values()], order="sorted")
    return blake2b(TABLES.encode() + schemas, digest_size=8).hexdigest()


class ViewDatabase:
    """One writer and one reader on a file; in memory they are one connection.

    `writing` and `reading` give a connection to one thread at a time and turn SQLite's errors
    into StoreError.
    """

    def __init__(self, path: str | Path, identity: str) -> None:
        self._path = str(path)
        self._identity = f"{version()} {identity}"
        self._write_lock = threading.RLock()
        self._read_lock = self._write_lock if self._path == MEMORY else threading.RLock()
        self._open_all()

    def _open_all(self) -> None:
        try:
            is_whole = self._open()
        except sqlite3.DatabaseError:
            is_whole = False
        if not is_whole:
            self.rebuild()

    def _open(self) -> bool:
        """Open; whether what lies there is ours, whole, and of this version."""
        self._writer = self._connect()
        if self._path == MEMORY:
            self._reader = self._writer
            return False
        self._reader = self._connect()
        self._reader.execute("PRAGMA query_only = ON")
        try:
            found = self._writer.execute("SELECT value FROM facts WHERE name = 'identity'")
            return bool(found.fetchone() == (self._identity,))
        except sqlite3.OperationalError:
            return False

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    def rebuild(self) -> None:
        """Throw everything away and begin with empty tables. Raises StoreError."""
        with self._write_lock, self._read_lock:
            self.close()
            try:
                if self._path != MEMORY:
                    for suffix in ("", "-wal", "-shm"):
                        Path(self._path + suffix).unlink(missing_ok=True)
                self._open()
                self._writer.executescript(TABLES)
                self._writer.execute("INSERT INTO facts VALUES ('identity', ?)", (self._identity,))
            except (sqlite3.Error, OSError) as error:
                raise StoreError(f"the view at {self._path} cannot be made: {error}") from error

    def close(self) -> None:
        """Close the connections, once nobody uses them.

        SQLite's C library reads freed memory when a connection is closed under a running query.
        """
        with self._write_lock, self._read_lock:
            for name in ("_reader", "_writer"):
                connection = getattr(self, name, None)
                if connection is not None:
                    connection.close()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction of the writer: committed at the end, undone by an exception."""
        with self._write_lock, _translated(self._path):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The reader, which sees what was committed when its statement began."""
        with self._read_lock, _translated(self._path):
            yield self._reader


class Damaged(StoreError):
    """The file is not a database any more: it has to be rebuilt."""


@contextlib.contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(f"the view at {path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise Damaged(f"the view at {path}: {error}") from error
