"""Slot: the folder of one worker process, and the random id that its names in the cluster bear.

group.instance.id, transactional id and canonical_url derive from the id, so a process that is
started again is the same member and keeps its partitions. Two live processes with one id would
take them from each other for ever: therefore a lock, which the kernel lets go of with the process.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import string
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final, Self

from pipeline.domain.errors import Busy, StoreError, UsageError
from pipeline.hosts.faust.state.crashes import Advice, Crashes, write_whole

SLOTS: Final = "slots"
SLOTS_MAX: Final = 64
"""So many numbered slots are tried; who runs more workers on one machine names them."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_ID: Final = re.compile(r"[a-z0-9]{8}")
_ALPHABET: Final = string.ascii_lowercase + string.digits


class Slot:
    """A slot that this process holds until `close`. Use it in a `with`."""

    def __init__(self, folder: Path) -> None:
        """Raises Busy, naming the process that holds the slot, and StoreError."""
        self.folder = folder
        self._lock = _lock(folder)
        try:
            self.id = _identity(folder / "id")
            self._crashes = Crashes(folder)
        except BaseException:
            self._lock.close()
            raise

    @classmethod
    def open(cls, data: Path, name: str) -> Self:
        """The slot of this name under a data folder, made where there is none. Raises Busy,
        StoreError, UsageError.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot name a slot: use up to 40 small letters, digits and hyphens"
            )
        return cls(data / SLOTS / name)

    @classmethod
    def any(cls, data: Path) -> Self:
        """The first numbered slot that is free: a worker started again gets its former one.
        Raises Busy where all are taken, StoreError.
        """
        for number in range(SLOTS_MAX):
            try:
                return cls(data / SLOTS / str(number))
            except Busy:
                continue
        raise Busy(
            f"all {SLOTS_MAX} numbered slots under {data / SLOTS} are in use: name one with --slot"
        )

    def advice(self, task: str, offsets: Mapping[str, int]) -> Advice:
        """Whether a task runs a batch or a single event from here on, or buries one."""
        return self._crashes.advice(task, offsets)

    def begin(self, task: str, offsets: Mapping[str, int], event: str = "") -> None:
        """A task is about to run from these offsets on (`event`: one alone). Costs no sync."""
        self._crashes.begin(task, offsets, event)

    def end(self, task: str) -> None:
        """The run is over, if only with an error other than MemoryError."""
        self._crashes.end(task)

    def buried(self, task: str) -> None:
        """The dead letter of the event that was to be buried is committed."""
        self._crashes.buried(task)

    def close(self) -> None:
        """Let go of the slot. A run that was begun and not ended counts as a crash."""
        self._crashes.close()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lock(folder: Path) -> IO[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise Busy(
            f"the slot {folder} is held by process {holder}: stop it, or choose another with --slot"
        ) from None
    try:
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
    except OSError as error:
        lock.close()
        raise StoreError(f"{folder}: {error.strerror}") from error
    return lock


def _identity(path: Path) -> str:
    """The slot's random id, made once; a file that holds none is made anew, as a new slot."""
    try:
        found = path.read_text(encoding="ascii") if path.exists() else ""
        if not _ID.fullmatch(found):
            found = "".join(secrets.choice(_ALPHABET) for _ in range(8))
            write_whole(path, found.encode(), is_synced=True)
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: {error}") from error
    return found
