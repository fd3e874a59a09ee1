"""An alert and one open incident as features: rows alone, of a fixed number.

Every figure is put into bins, so that a linear model can follow any shape: two minutes apart mean
little in a crowd and much beside a single alert.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import Final

from pipeline.domain.link import Pair
from pipeline.domain.model import Features

VERSION: Final = 2
"""Rises whenever the same pair makes other features."""

ROWS: Final = 1 << 13
CACHE_MAX: Final = 50_000
FAR: Final = 4
"""Hops: so many or more, or not known."""


class _Rows(dict[str, int]):
    """Mark → row from 1 up; emptied at CACHE_MAX, which changes no answer."""

    def __missing__(self, mark: str) -> int:
        if len(self) >= CACHE_MAX:
            self.clear()
        digest = blake2b(mark.encode("utf-8", "replace"), digest_size=4, person=b"link.2")
        row = self[mark] = 1 + int.from_bytes(digest.digest(), "little") % (ROWS - 1)
        return row


_row_of: Final = _Rows()


def features(pair: Pair) -> Features:
    """The rows of a pair, each named by its mark; row 0 is the bias."""
    hops = min(max(pair.hops, 0), FAR)
    size, silent, apart = _size(pair.size), _gap(pair.silent_ms), _gap(pair.apart_ms)
    few = min(size, 2)
    marks = (
        f"rule={pair.is_ruled},size={few}",
        f"hops={hops}",
        f"apart={apart},hops={hops}",
        f"silent={silent},size={size}",
        f"size={size},hops={hops}",
        f"services={min(pair.services_count, 9)},hops={hops}",
        f"pace={_pace(pair.silent_ms, pair.pace_ms)},{size > 0}",
        f"name={pair.name}",
        f"name={pair.name},size={few}",
        f"latest={pair.latest_name},size={few}",
    )
    found = {_row_of[mark]: mark for mark in marks}
    rows = sorted(found)
    return Features((0, *rows), tokens=("anything", *(found[row] for row in rows)))


def _size(count: int) -> int:
    """1, 2, 3-4, 5-8, ... up to 6."""
    return min(6, max(0, count - 1).bit_length())


def _gap(gap_ms: int) -> int:
    """Bins of a factor of about 1.6 from 4 s to 5 min, 0 to 10."""
    return min(10, int(2 * math.log1p(max(gap_ms, 0) / 4_000)))


def _pace(silent_ms: int, pace_ms: int) -> int:
    """How much longer than usual the incident is silent, as a power of two, -3 to 5."""
    found = math.log2((max(silent_ms, 0) + 1_000) / (max(pace_ms, 0) + 3_000))
    return round(min(5.0, max(-3.0, found)))
