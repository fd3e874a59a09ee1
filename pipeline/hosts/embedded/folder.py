"""The data folder: one process at a time, and the facts that stay with it."""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
import string
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from pipeline.domain.errors import Busy, StoreError
from pipeline.hosts.embedded.database import guarded

DATABASE: Final = "tocsin.db"
LOCK: Final = "lock"
SERVER: Final = "server.json"
_ALPHABET: Final = string.ascii_lowercase + string.digits


class Folder:
    """A folder held by flock: the kernel lets go of it when the process dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    def acquire(self) -> None:
        """Make and lock the folder. Raises Busy, naming the process that holds it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / LOCK).open("a+", encoding="utf-8")
        except OSError as error:
            raise _store_error(self.path, error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise Busy(
                f"{self.path} is in use by process {holder}: stop it, or choose another folder"
                " with --data"
            ) from None
        try:
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
        except OSError as error:
            with suppress(OSError):  # closing tries to write it once more
                lock.close()
            raise _store_error(self.path, error) from error
        self._lock = lock

    def release(self) -> None:
        """Let go of the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def database(self) -> str:
        """The path of the database."""
        return str(self.path / DATABASE)


def _store_error(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: {error.strerror}")


def installation(connection: sqlite3.Connection) -> str:
    """The 8 random characters of this installation, made at the first start and kept."""
    with guarded():
        connection.execute(
            "INSERT OR IGNORE INTO facts VALUES ('installation', ?)",
            ("".join(secrets.choice(_ALPHABET) for _ in range(8)),),
        )
        row = connection.execute("SELECT value FROM facts WHERE name = 'installation'").fetchone()
    return str(row[0])
