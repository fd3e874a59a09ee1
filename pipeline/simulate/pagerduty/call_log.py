"""The persistent log: each received call as one JSON line, on disk before it is answered.

A line is written with one system call and no buffer of ours, so it survives a kill -9 of the
simulator (a power cut it may not: there is no fsync). The state is not read back from it: a
simulator started anew on an old log appends to it and begins with an empty account.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from pipeline.simulate.pagerduty.calls import ReceivedCall

SIZE_BYTES_MAX: Final = 8 * 1024**3


class LogFull(Exception):
    """The log reached its limit: the call cannot be proven any more and is answered with 500."""


class CallLog:
    """An append-only file of JSON lines, at most `size_bytes_max` long."""

    def __init__(self, path: Path, size_bytes_max: int = SIZE_BYTES_MAX) -> None:
        self.path = path
        self.size_bytes_max = size_bytes_max
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._size_bytes = os.fstat(self._file).st_size
        if self._size_bytes and os.pread(self._file, 1, self._size_bytes - 1) != b"\n":
            # A killed writer left half a line: end it, or it would swallow the next one.
            self._write(b"\n")

    def append(self, call: ReceivedCall) -> None:
        """Write one call; LogFull at the limit, OSError when the disk refuses."""
        line = msgspec.json.encode(call) + b"\n"
        if self._size_bytes + len(line) > self.size_bytes_max:
            raise LogFull(f"{self.path} reached {self.size_bytes_max} bytes: use another file")
        self._write(line)

    def close(self) -> None:
        """Close the file; append nothing afterwards."""
        os.close(self._file)

    def _write(self, line: bytes) -> None:
        while line:
            written = os.write(self._file, line)
            self._size_bytes += written
            line = line[written:]
