"""The database of an embedded folder: one SQLite file for log, state and journal.

WAL with synchronous=FULL: a commit is on the disk when it returns, and readers in other
threads never wait for the writer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.domain.errors import Busy, FormatError, StoreError

FORMAT: Final = 1
"""The version of the tables below. A folder of a newer one is refused, an older upgraded."""

SQLITE: Final = sqlite3.sqlite_version
"""The version of the SQLite library that this Python brings."""

BUSY_MS: Final = 2_000
"""So long a statement waits for a lock that a backup or a reader's checkpoint holds."""

STATEMENTS_KEPT_MAX: Final = 512
"""Prepared statements kept: some sizes of a write for each topic and table; the rest is prepared
again.
"""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS partitions (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    floor INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, partition));
CREATE TABLE IF NOT EXISTS state_tables (
    id INTEGER PRIMARY KEY, task TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (task, name));
CREATE TABLE IF NOT EXISTS state (
    tid INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (tid, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoints (task TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""


def connect(path: str, *, is_reader: bool = False) -> sqlite3.Connection:
    """Open the database at `path` (":memory:" too). Raises StoreError or FormatError.

    A reader may not write, and sees what was committed when its statement began. It creates no
    database.
    """
    try:
        connection = sqlite3.connect(
            _existing(path) if is_reader else path,
            uri=is_reader,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS_KEPT_MAX,
        )
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        _check_format(connection)
        if is_reader:
            connection.execute("PRAGMA query_only = ON")
            return connection
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA cache_size = -65536")
        _prepare(connection)
    except sqlite3.Error as error:
        raise store_error(error) from error
    return connection


def open_existing(path: str) -> sqlite3.Connection:
    """Open a database to copy from it. Raises StoreError where there is none: it creates none."""
    with guarded():
        return sqlite3.connect(_existing(path), uri=True, isolation_level=None)


def _existing(path: str) -> str:
    """The URI that opens a file and creates none; a reader of a WAL has to write beside it."""
    return f"{Path(path).absolute().as_uri()}?mode=rw"


def _check_format(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > FORMAT:
        raise FormatError(
            f"this folder was written by a newer Tocsin (format {found}, this one knows "
            f"{FORMAT}): upgrade Tocsin, or choose another --data folder"
        )


def _prepare(connection: sqlite3.Connection) -> None:
    connection.executescript(_TABLES)
    connection.execute(f"PRAGMA user_version = {FORMAT}")


@contextmanager
def guarded() -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(error) from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is done inside, or nothing, also where the process dies meanwhile. Raises
    StoreError.
    """
    with guarded():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def store_error(error: sqlite3.Error) -> StoreError:
    """Which of our errors a SQLite error is: Busy where trying again may help."""
    text = str(error)
    if any(word in text for word in ("locked", "busy")):
        return Busy(f"the database is locked by another process: {text}", after_s=2)
    if "unable to open" in text:
        return StoreError(f"the database is not there, or may not be opened: {text}")
    if "full" in text:
        return Busy("the disk is full: free some room", after_s=30)
    if "disk I/O" in text:
        return Busy(f"the disk does not take writes: {text}", after_s=30)
    return StoreError(f"database: {text}")
