"""Rows written many at a time, since each step of a statement gives up the interpreter's lock.

Another thread that is busy keeps that lock for up to 5 ms, so a row per step (`executemany`) can
cost a busy process 5 ms per row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any, Final

SIZES: Final = (500, 50, 5, 1)
"""Rows per statement, the most first; so few sizes that SQLite's prepared statements are kept."""


def write_rows(
    connection: sqlite3.Connection, start: str, rows: Sequence[tuple[Any, ...]], end: str = ""
) -> None:
    """Run `<start> VALUES (…), (…), …<end>` with all rows, which are of one width."""
    at = 0
    for size in SIZES:
        while len(rows) - at >= size:
            some = rows[at : at + size]
            statement = _statement(start, size, len(some[0]), end)
            connection.execute(statement, tuple(chain.from_iterable(some)))
            at += size


@cache
def _statement(start: str, size: int, width: int, end: str) -> str:
    row = f"({','.join('?' * width)})"
    return f"{start} VALUES {','.join([row] * size)}{end}"
