"""The folder of `tocsin kafka start`: one process at a time, and how others find it.

The process holds the lock of `running.json` as long as it lives, however it ends, so what stands
there is true exactly while the lock is held.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec
from msgspec import Struct

from pipeline.domain.errors import Busy, TocsinError

NAME: Final = "running.json"
HOLD_WITHIN_S: Final = 1.0
"""Whoever looks holds the lock for a moment."""

END_WITHIN_S: Final = 30.0
POLL_S: Final = 0.05


class Running(Struct, frozen=True):
    """A process that holds the folder; `bootstrap` is empty until its Kafka answers."""

    pid: int
    bootstrap: str = ""


class Place:
    """What the process that holds the folder says of itself."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def say(self, running: Running) -> None:
        """Replace what was said."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(msgspec.json.encode(running))
        self._file.flush()


@contextmanager
def held(folder: Path) -> Iterator[Place]:
    """Hold the folder, which is made where it is lacking. Raises Busy where another does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("a+b") as file:
        give_up_at_s = time.monotonic() + HOLD_WITHIN_S
        while not _locked(file, fcntl.LOCK_EX):
            if time.monotonic() > give_up_at_s:
                raise Busy(f"a local Kafka runs already in {folder}: `tocsin kafka stop` ends it")
            time.sleep(POLL_S)
        place = Place(file)
        place.say(Running(os.getpid()))
        yield place


def look(folder: Path) -> Running | None:
    """Who holds the folder; None where nobody does."""
    try:
        with (folder / NAME).open("rb") as file:
            if _locked(file, fcntl.LOCK_SH):
                return None
            return msgspec.json.decode(file.read(), type=Running)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def end(folder: Path) -> bool:
    """Have the holder stop its Kafka and end; False where nobody holds the folder.

    Raises TocsinError where it has not ended within END_WITHIN_S.
    """
    running = look(folder)
    if running is None:
        return False
    os.kill(running.pid, signal.SIGTERM)
    give_up_at_s = time.monotonic() + END_WITHIN_S
    while look(folder) == running:
        if time.monotonic() > give_up_at_s:
            raise TocsinError(f"process {running.pid} has not ended within {END_WITHIN_S:g} s")
        time.sleep(POLL_S)
    return True


def _locked(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
