"""A recording: requests with their times, whose instants move to whenever they are played.

The first line says when it was made and by what; each further line is one request:
`{"at_ms", "path", "body"}`, or `text` for a body that is no JSON, or `again`: the number of the
earlier line (from 0) that is sent once more.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

FOLDER: Final = Path(__file__).parent
FILE: Final = FOLDER / "storm.jsonl"

_INSTANT: Final = re.compile(rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z)"')
_NEVER: Final = b"0001-"
"""Alertmanager writes Go's zero time for an end that is not known."""


class _Head(Struct, frozen=True):
    recorded_at: datetime
    by: str


class _Line(Struct, frozen=True, forbid_unknown_fields=True):
    at_ms: int
    path: str = ""
    body: msgspec.Raw = msgspec.Raw()
    text: str = ""
    again: int = -1


class Step(Struct, frozen=True):
    """One request: `at_ms` after the beginning, where to, and the bytes as recorded."""

    at_ms: int
    path: str
    body: bytes


class Recording(Struct, frozen=True):
    """A recorded storm: when and by what it was recorded, and its requests in order."""

    recorded_at_ms: int
    by: str
    steps: tuple[Step, ...]

    @property
    def length_ms(self) -> int:
        """From the beginning to the last request."""
        return self.steps[-1].at_ms if self.steps else 0

    def body(self, step: Step, start_ms: int) -> bytes:
        """The bytes of a request if the recording had begun at `start_ms`."""
        return moved(step.body, start_ms - self.recorded_at_ms)


def read_recording(path: Path = FILE) -> Recording:
    """Read a recording. Raises OSError, or ValueError where a line is none."""
    lines = path.read_bytes().splitlines()
    head = msgspec.json.decode(lines[0], type=_Head)
    decoder = msgspec.json.Decoder(_Line)
    steps: list[Step] = []
    for number, raw in enumerate(lines[1:]):
        line = decoder.decode(raw)
        if line.again >= 0:
            if line.again >= number:
                raise ValueError(f"line {number + 2} repeats a line that comes later")
            former = steps[line.again]
            steps.append(Step(line.at_ms, former.path, former.body))
        else:
            steps.append(Step(line.at_ms, line.path, bytes(line.body) or line.text.encode()))
    return Recording(round(head.recorded_at.timestamp() * 1000), head.by, tuple(steps))


def moved(body: bytes, by_ms: int) -> bytes:
    """The same bytes with every RFC 3339 instant in quotes later by so much."""

    def move(found: re.Match[bytes]) -> bytes:
        text = found[1]
        if text.startswith(_NEVER):
            return found[0]
        at_ms = round(datetime.fromisoformat(text.decode()).timestamp() * 1000) + by_ms
        at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
        return f'"{at.replace("+00:00", "Z")}"'.encode()

    return _INSTANT.sub(move, body)
