"""The half of NAB beside the checkout: its series, read where they are."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.bench.learning.windows import Field, field

FOLDER: Final = Path(__file__).resolve().parents[3].parent / "shared" / "datasets" / "nab"
ABSENT: Final = "no ../shared/datasets/nab beside this checkout: NAB is not measured"


@dataclass(frozen=True)
class Series:
    """One file: `category/name`, what it measures over time, and how a detector is judged on it."""

    name: str
    at_ms: list[int]
    values: list[float]
    judged: Field

    @property
    def category(self) -> str:
        return self.name.partition("/")[0]


def is_there() -> bool:
    return (FOLDER / "windows.json").exists()


def read(name: str) -> Series:
    """One series by its name. Raises KeyError where there is none."""
    return _read(name, json.loads((FOLDER / "windows.json").read_text(encoding="utf-8"))[name])


def every() -> Iterator[Series]:
    """All series, by name."""
    windows = json.loads((FOLDER / "windows.json").read_text(encoding="utf-8"))
    for name in sorted(windows):
        yield _read(name, windows[name])


def _read(name: str, windows: list[tuple[str, str]]) -> Series:
    with gzip.open(FOLDER / f"{name}.gz", "rt", encoding="utf-8") as file:
        rows = [(row["timestamp"], float(row["value"])) for row in csv.DictReader(file)]
    times = [time for time, _ in rows]
    edges = [(start.partition(".")[0], end.partition(".")[0]) for start, end in windows]
    at_ms = [
        round(datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp() * 1000) for time in times
    ]
    return Series(name, at_ms, [value for _, value in rows], field(times, edges))
