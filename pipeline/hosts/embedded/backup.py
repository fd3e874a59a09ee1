"""Backup and restore of a data folder: one file, consistent, taken while Tocsin runs."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from pipeline.domain.errors import StoreError
from pipeline.hosts.embedded.database import connect, guarded, open_existing
from pipeline.hosts.embedded.folder import DATABASE, Folder


def backup(database: str, target: Path) -> int:
    """Copy a database, running or not, into the new file `target`; its size in bytes.

    Raises StoreError where the target exists or cannot be written.
    """
    if target.exists():
        raise StoreError(f"{target} exists: name a file that does not")
    if not Path(database).exists():
        raise StoreError(f"{database} does not exist: name the data folder with --data")
    unfinished = target.with_name(target.name + ".part")
    unfinished.unlink(missing_ok=True)
    with guarded():
        source = open_existing(database)
        try:
            source.execute("VACUUM INTO ?", (str(unfinished),))
        finally:
            source.close()
    _settle(unfinished)
    unfinished.rename(target)
    return target.stat().st_size


def restore(source: Path, folder: Path) -> None:
    """Put a backup into a folder that has no database yet; `installation` comes along.

    Raises StoreError, FormatError for a backup of a newer version, Busy for a folder in use.
    """
    if not source.is_file():
        raise StoreError(f"{source} is no file")
    # Also a log without its database: SQLite would play it into the one restored.
    if any((folder / (DATABASE + suffix)).exists() for suffix in ("", "-wal", "-journal")):
        raise StoreError(f"{folder} holds data already: restore into a new folder")
    held = Folder(folder)
    held.acquire()
    try:
        unfinished = folder / (DATABASE + ".part")
        for left in folder.glob(unfinished.name + "*"):
            left.unlink()
        with guarded():
            origin = sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)
            copy = sqlite3.connect(unfinished)
            try:
                origin.backup(copy)
            finally:
                origin.close()
                copy.close()
            connect(str(unfinished)).close()
        _settle(unfinished)
        unfinished.rename(folder / DATABASE)
    finally:
        held.release()


def _settle(path: Path) -> None:
    """Have the disk hold the file before it gets its name: SQLite does not sync a copy."""
    try:
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
