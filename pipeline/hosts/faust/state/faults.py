"""Faults: what an error of RocksDB says about the folder, which it tells only by its text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rocksdict import DbClosedError

from pipeline.domain.errors import Busy, StoreError

_LOCKED: Final = ("lock hold by", "While lock file")
_FULL: Final = ("No space left", "Disk quota exceeded")
_MACHINE: Final = (
    "Permission denied",
    "Operation not permitted",
    "Read-only file system",
    "Too many open files",
    "Input/output error",
    "Cannot allocate memory",
)


class Damaged(StoreError):
    """The folder does not hold what was written to it: it cannot be used, and nothing is lost
    by building it anew from the changelog.
    """


def fault(folder: Path, error: BaseException) -> StoreError:
    """Which of our errors an error of RocksDB is; Damaged only where the files are to blame."""
    text = str(error)
    if isinstance(error, DbClosedError):
        return StoreError(f"{folder} is closed")
    if any(word in text for word in _LOCKED):
        return Busy(f"{folder} is in use by another process, or was not closed: {text}")
    if any(word in text for word in _FULL):
        return Busy(f"{folder}: the disk is full: free some room ({text})", after_s=30)
    if any(word in text for word in _MACHINE):
        return StoreError(f"{folder} cannot be used: {text}")
    return Damaged(f"{folder} is damaged: {text}")
