"""Bases: copies of the state alone, taken daily, from which a past hour is replayed.

A base is a SQLite file with the state of every task at one commit. It is copied by a reader, so
no epoch waits for it: WAL gives the reader one consistent moment.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

import msgspec

from pipeline.domain.errors import StoreError
from pipeline.domain.store import Checkpoint
from pipeline.hosts.embedded.database import connect, guarded, open_existing

KEPT: Final = 30
"""So many bases are kept; the oldest goes first. With one a day they reach as far as the
retention of raw-alerts."""

_COPIED: Final = ("facts", "state_tables", "state", "checkpoints")


def take(database: str, folder: Path, now_ms: int) -> Path:
    """Copy the committed state of `database` into `folder`; the path of the new base, which is
    named after the last instant that it shows: no epoch after that is in it.

    Raises StoreError, also where there is no `database`; a copy that did not become whole
    leaves nothing under its final name.
    """
    source = open_existing(database)
    try:
        return _take(source, folder, now_ms)
    finally:
        source.close()


def _take(source: sqlite3.Connection, folder: Path, now_ms: int) -> Path:
    folder.mkdir(exist_ok=True)
    unfinished = folder / f"{now_ms:015d}.part"
    for left in folder.glob("*.part*"):
        left.unlink()
    with guarded():
        connect(str(unfinished)).close()
        source.execute("ATTACH DATABASE ? AS base", (str(unfinished.absolute()),))
        source.execute("BEGIN")
        for table in _COPIED:
            source.execute(f"INSERT OR REPLACE INTO base.{table} SELECT * FROM main.{table}")  # noqa: S608
        source.execute("COMMIT")
        rows = source.execute("SELECT value FROM base.checkpoints").fetchall()
        source.execute("DETACH DATABASE base")
    shown_ms = max((_checkpoint(raw).now_ms for (raw,) in rows), default=0)
    path = folder / f"{max(now_ms, shown_ms):015d}.db"
    unfinished.rename(path)
    for old in sorted(folder.glob("*.db"))[:-KEPT]:
        old.unlink()
    return path


def nearest(folder: Path, before_ms: int) -> Path | None:
    """The last base taken at or before an instant, or None."""
    found = [path for path in sorted(folder.glob("*.db")) if int(path.stem) <= before_ms]
    return found[-1] if found else None


def load(path: Path | None) -> sqlite3.Connection:
    """A database in memory with the state of a base; empty without one."""
    target = connect(":memory:")
    if path is not None:
        with guarded():
            source = open_existing(str(path))
            try:
                source.backup(target)
            finally:
                source.close()
    return target


def checkpoints(connection: sqlite3.Connection) -> dict[str, Checkpoint]:
    """The checkpoint of each task in a database."""
    with guarded():
        rows = connection.execute("SELECT task, value FROM checkpoints").fetchall()
    return {task: _checkpoint(raw) for task, raw in rows}


def _checkpoint(raw: bytes) -> Checkpoint:
    try:
        return msgspec.msgpack.decode(raw, type=Checkpoint)
    except msgspec.DecodeError as error:
        raise StoreError(f"a checkpoint does not decode: {error}") from error
