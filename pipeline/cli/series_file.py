"""A series out of a CSV file: which columns it is in, what its times mean, what is missing.

Times are ISO 8601, or Unix seconds or milliseconds. One without a zone is taken as it stands: the
detector looks at the hour of the day, and that is what the writer's clock showed. A value that is
empty, NaN or infinite is a gap; one that is no number at all is an error that names its line.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import sys
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from pipeline.domain.errors import StoreError, UsageError

ROWS_MAX: Final = 2_000_000
"""A longer file is refused: the later half alone is as good."""

SIZE_BYTES_MAX: Final = 256 * 2**20
SHOWN_CHARS_MAX: Final = 60

TIME_NAMES: Final = ("timestamp", "time", "datetime", "date", "at", "ds", "ts")
VALUE_NAMES: Final = ("value", "y", "count", "rate")
MISSING: Final = frozenset({"", "nan", "null", "none", "na", "n/a", "inf", "+inf", "-inf"})
DELIMITERS: Final = (",", ";", "\t")

UNIX_MS_MIN: Final = 1e11
"""Smaller numbers are seconds: as milliseconds they would lie before March 1973."""

DATE_CHARS: Final = 8
"""20261121 is a day, since as seconds it would lie in 1970."""

GAP_STEPS: Final = 3.0
"""A step so many times the usual one is a gap."""


class Point(NamedTuple):
    """One row: its instant, its time as the file has it, its value (NaN where missing)."""

    at_ms: int
    time: str
    value: float


class Columns(NamedTuple):
    """Where the time and the value stand, from 0, what the value is called, and whether the
    first row is a head.
    """

    time: int
    value: int
    name: str
    has_head: bool


class SeriesFile(NamedTuple):
    """A file that was read: its points by time, and what is worth saying about them."""

    points: list[Point]
    name: str
    step_ms: float
    missing_count: int
    gaps_count: int
    gap_max_ms: float
    was_unordered: bool


def read(path: Path, time: str = "", value: str = "") -> SeriesFile:
    """A CSV file, `-` for standard input, or one in gzip. `time` and `value` choose columns by
    name, or by number from 1. Raises UsageError for a column that is not there, StoreError for a
    file that can not be read, each with what to do.
    """
    rows = _rows(path)
    try:
        first = next(rows)
    except StopIteration:
        raise StoreError(f"{path} is empty: a series has a time and a value in each row") from None
    columns = choose(first[1], time, value)
    points = [] if columns.has_head else [_point(path, *first, columns)]
    for line, cells in rows:
        if len(points) >= ROWS_MAX:
            raise StoreError(f"{path} has more than {ROWS_MAX:,} rows: give its later part")
        points.append(_point(path, line, cells, columns))
    if not points:
        raise StoreError(f"{path} has a head and no rows")
    return _described(points, columns.name)


def choose(first: Sequence[str], time: str, value: str) -> Columns:
    """The columns of a file from its first row. Raises UsageError."""
    names = [each.strip() for each in first]
    has_head = all(instant_ms(each) is None for each in names)
    known = [each.lower() for each in names] if has_head else []
    at = _asked(time, names, "--time", has_head=has_head)
    if at is None:
        at = next((known.index(each) for each in TIME_NAMES if each in known), 0)
    of = _asked(value, names, "--value", has_head=has_head)
    if of is None:
        others = [place for place in range(len(names)) if place != at]
        called = [known.index(each) for each in VALUE_NAMES if each in known]
        of = next(iter([*called, *others]), None)
    if of is None or of == at:
        raise UsageError(
            "a series needs two columns, a time and a value: choose them with --time and --value"
        )
    return Columns(at, of, names[of] if has_head else "value", has_head)


def _asked(wanted: str, names: Sequence[str], option: str, *, has_head: bool) -> int | None:
    if not wanted:
        return None
    if has_head and wanted in names:
        return names.index(wanted)
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    there = f"the columns are {', '.join(names)}" if has_head else f"there are {len(names)} columns"
    raise UsageError(f"{option} {wanted!r}: {there}")


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, with their line."""
    try:
        text = _text(path)
        head = text[: text.find("\n") + 1] or text
        delimiter = max(DELIMITERS, key=head.count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        for cells in reader:
            if any(each.strip() for each in cells):
                yield reader.line_num, cells
    except UnicodeDecodeError:
        raise StoreError(f"{path} is no text in UTF-8: is it a CSV file?") from None
    except (csv.Error, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise StoreError(f"{path} can not be read as CSV: {error}") from None


def _text(path: Path) -> str:
    if str(path) == "-":
        return sys.stdin.read()
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        raw = file.read(SIZE_BYTES_MAX + 1)
    if len(raw) > SIZE_BYTES_MAX:
        raise StoreError(f"{path} has more than {SIZE_BYTES_MAX:,} bytes: give its later part")
    return raw.decode("utf-8-sig")


def _point(path: Path, line: int, cells: Sequence[str], columns: Columns) -> Point:
    if len(cells) <= max(columns.time, columns.value):
        raise StoreError(f"{path}:{line} has {len(cells)} columns, too few for a time and a value")
    time, written = cells[columns.time].strip(), cells[columns.value].strip()
    at_ms = instant_ms(time)
    if at_ms is None:
        raise StoreError(
            f"{path}:{line}: {time[:SHOWN_CHARS_MAX]!r} is no time: write 2026-11-21T10:00:00Z,"
            " 2026-11-21 10:00, or Unix seconds or milliseconds; --time chooses another column"
        )
    if written.lower() in MISSING:
        return Point(at_ms, time, math.nan)
    number = _number(written)
    if number is None:
        raise StoreError(
            f"{path}:{line}: {written[:SHOWN_CHARS_MAX]!r} in column {columns.name} is no number;"
            " --value chooses another column"
        )
    return Point(at_ms, time, number)


def instant_ms(text: str) -> int | None:
    """Unix milliseconds of a time as files have it; None where it is none."""
    number = _number(text)
    try:
        if number is not None and len(text) != DATE_CHARS:
            return round(number if abs(number) >= UNIX_MS_MIN else number * 1000)
        at = datetime.fromisoformat(text.replace("/", "-"))
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return round(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return float(text.replace(",", ".", 1))
    except ValueError:
        return None


def _described(points: list[Point], name: str) -> SeriesFile:
    was_unordered = any(later.at_ms < point.at_ms for point, later in pairwise(points))
    if was_unordered:
        points.sort(key=lambda point: point.at_ms)
    steps = [later.at_ms - point.at_ms for point, later in pairwise(points)]
    usual = float(median(steps)) if steps else 0.0
    gaps = [step for step in steps if usual and step > GAP_STEPS * usual]
    missing = sum(not math.isfinite(point.value) for point in points)
    return SeriesFile(points, name, usual, missing, len(gaps), max(gaps, default=0), was_unordered)
