"""Place: whether the database that is written still stands where the next start will look for it.

SQLite goes on writing to a file that was moved or deleted, and says nothing. What is committed
there is not durable for anybody who is told so: therefore each commit looks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.domain.errors import Busy, StoreError

BACK_WITHIN_S: Final = 30
"""After so long a sender tries again."""


class Place:
    """A database file that was just opened; it must be there. Raises StoreError."""

    def __init__(self, path: str) -> None:
        self._path = path
        found = _identity(path)
        if found is None:
            raise StoreError(f"{path} is not there")
        self._opened = found

    def check(self) -> None:
        """Raises Busy while the path does not lead to the file that was opened."""
        found = _identity(self._path)
        if found == self._opened:
            return
        if found is None:
            raise Busy(
                f"{self._path} was moved or deleted while Tocsin runs: put"
                " the folder back, or stop Tocsin and restore a backup",
                after_s=BACK_WITHIN_S,
            )
        raise Busy(
            f"{self._path} is not the file that Tocsin opened: put the"
            " former folder back, or restart Tocsin to go on with this one",
            after_s=BACK_WITHIN_S,
        )


def _identity(path: str) -> tuple[int, int] | None:
    """What tells one file from another, whatever its name; None where none can be seen."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
