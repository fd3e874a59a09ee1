"""Crashes: which task's run ended the process, how often at the same place, and what to do then.

An event may end the process itself: by the memory it takes, or in a compiled library. Nothing can
catch that, so each run is noted in a mapped file before it begins, which costs two microseconds
and no sync: what a killed process wrote there the kernel keeps, and a power cut is no event's
fault. What the next start finds noted was running when the process died.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from pipeline.domain.errors import StoreError

CRASHES_MAX: Final = 3
"""After so many at the same start offsets the task runs event by event."""

SINGLES: Final = 2_000
"""So many events then run alone: no epoch is larger, so the one that kills is among them."""

TASKS_MAX: Final = 512
"""So many tasks are noted; the runs of further ones are not."""

_ENTRY_BYTES: Final = 1_024
_RUNNING: Final = 1
_RUNS: Final = "runs"
_COUNTS: Final = "crashes"


class Advice(Struct, frozen=True):
    """What a task may do next: run a `batch`, or a `single` event, or `bury` one: dead-letter
    `event` unrun, since it ended the process when it ran alone.
    """

    kind: Literal["batch", "single", "bury"] = "batch"
    event: str = ""


class _Run(Struct, array_like=True):
    """A run as it is noted. `event` is set where it ran alone."""

    task: str
    start: str
    event: str = ""


class _Count(Struct):
    """Crashes of one task at one start."""

    start: str
    crashes: int = 0
    buried: str = ""


class Crashes:
    """The runs and crashes of one slot."""

    def __init__(self, folder: Path) -> None:
        """Counts what was running when the last process died. Raises StoreError."""
        self._counts_path = folder / _COUNTS
        try:
            self._runs = _map(folder / _RUNS)
            self._counts = self._read()
            if died := self._noted():
                for run in died:
                    self._count(run)
                self._save(is_synced=True)
        except OSError as error:
            raise StoreError(f"{folder}: {error.strerror}") from error
        self._clear()
        self._places: dict[str, int] = {}
        self._singles: dict[str, int] = {}
        self._open: dict[str, _Run] = {}

    def advice(self, task: str, offsets: Mapping[str, int]) -> Advice:
        """What to do with the events from these offsets on (one per topic and partition)."""
        found = self._counts.get(task)
        if found is not None and found.start == _digest(offsets):
            if found.buried:
                return Advice("bury", found.buried)
            if found.crashes >= CRASHES_MAX:
                self._singles[task] = SINGLES
        return Advice("single" if self._singles.get(task) else "batch")

    def begin(self, task: str, offsets: Mapping[str, int], event: str = "") -> None:
        """A task is about to run from these offsets on; `event` says which one, as
        `topic:partition:offset`, where it runs alone.
        """
        place = self._places.get(task)
        if place is None:
            if len(self._places) >= TASKS_MAX:
                return
            place = self._places[task] = len(self._places) * _ENTRY_BYTES
        run = self._open[task] = _Run(task, _digest(offsets), event)
        raw = msgspec.msgpack.encode(run)[: _ENTRY_BYTES - 3]
        self._runs[place + 1 : place + 3 + len(raw)] = len(raw).to_bytes(2) + raw
        self._runs[place] = _RUNNING

    def end(self, task: str) -> None:
        """The task's run is over, if only with an error: if the process dies now, its events did
        not do it. A run that raised MemoryError is not ended: it counts as a crash.
        """
        run = self._open.pop(task, None)
        if run is None:
            return
        self._runs[self._places[task]] = 0
        if run.event:
            self._singles[task] = self._singles.get(task, 1) - 1
        found = self._counts.get(task)
        if found is not None and found.start == run.start:
            self._forget(task)

    def buried(self, task: str) -> None:
        """The event that was to be buried is, and the epoch with its dead letter committed."""
        self._forget(task)

    def close(self) -> None:
        """Let go of the file."""
        self._runs.close()

    def _count(self, run: _Run) -> None:
        found = self._counts.get(run.task)
        if found is None or found.start != run.start:
            found = self._counts[run.task] = _Count(run.start)
        found.crashes += 1
        found.buried = run.event

    def _forget(self, task: str) -> None:
        if self._counts.pop(task, None) is not None:
            with suppress(OSError):  # an old count is a single event too many, no more
                self._save(is_synced=False)

    def _noted(self) -> list[_Run]:
        """The runs that were under way when the process died."""
        found: list[_Run] = []
        for place in range(0, TASKS_MAX * _ENTRY_BYTES, _ENTRY_BYTES):
            if self._runs[place] == _RUNNING:
                size = int.from_bytes(self._runs[place + 1 : place + 3])
                raw = self._runs[place + 3 : place + 3 + size]
                with suppress(msgspec.DecodeError):  # it died while it noted this one
                    found.append(msgspec.msgpack.decode(raw, type=_Run))
        return found

    def _clear(self) -> None:
        for place in range(0, TASKS_MAX * _ENTRY_BYTES, _ENTRY_BYTES):
            self._runs[place] = 0

    def _read(self) -> dict[str, _Count]:
        try:
            return msgspec.json.decode(self._counts_path.read_bytes(), type=dict[str, _Count])
        except (FileNotFoundError, msgspec.DecodeError):
            return {}

    def _save(self, *, is_synced: bool) -> None:
        newest = dict(list(self._counts.items())[-TASKS_MAX:])
        write_whole(self._counts_path, msgspec.json.encode(newest), is_synced=is_synced)


def write_whole(path: Path, raw: bytes, *, is_synced: bool) -> None:
    """Replace a file at once: whoever reads it finds the old or the new one. Raises OSError."""
    made = path.with_name(f"{path.name}.new")
    with made.open("wb") as file:
        file.write(raw)
        file.flush()
        if is_synced:
            os.fsync(file.fileno())
    made.replace(path)
    if is_synced:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _map(path: Path) -> mmap.mmap:
    size = TASKS_MAX * _ENTRY_BYTES
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_size != size:
            os.truncate(descriptor, size)
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)


def _digest(offsets: Mapping[str, int]) -> str:
    """Offsets as a text of fixed length, so that every run fits into its entry."""
    text = ",".join(f"{name}={offset}" for name, offset in sorted(offsets.items()))
    return blake2b(text.encode(), digest_size=12).hexdigest()
