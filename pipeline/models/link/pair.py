"""An alert and one open incident as features: rows and values, of a fixed number.

Every figure is put into bins, so that a linear model can follow any shape: two minutes apart mean
little in a crowd and much beside a single alert.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import Final

from msgspec import Struct

VERSION: Final = 1
"""Rises whenever the same pair makes other features."""

ROWS: Final = 1 << 13
CACHE_MAX: Final = 50_000
FAR: Final = 4
"""Hops: so many or more, or not known."""


class Pair(Struct, frozen=True, kw_only=True):
    """What is known of an alert beside an incident, by the alerts' own times.

    `hops` lie between the alert's service and the nearest one of the incident (in any place),
    `apart_ms` between it and the latest alert there, `silent_ms` between it and the latest alert
    of the incident anywhere, `pace_ms` is the mean gap between the incident's alerts.
    `place_share` of its alerts are in the alert's place; `name` and `latest_name` are the alert's
    and its latest alert's, `affinity` says how much more often than by chance names and services
    of the two were found together (log), `trust` with which mean chance its alerts joined, and
    `rivals_count` how many other incidents are as near. `is_ruled` is what the dependency rule
    says.
    """

    hops: int
    apart_ms: int
    silent_ms: int
    pace_ms: int = 0
    size: int = 1
    services_count: int = 1
    place_share: float = 1.0
    name: str = ""
    latest_name: str = ""
    affinity: float = 0.0
    trust: float = 0.5
    shared_labels: float = 0.0
    rivals_count: int = 0
    is_ruled: bool = False


class _Rows(dict[str, int]):
    """Mark → row from 1 up; emptied at CACHE_MAX, which changes no answer."""

    def __missing__(self, mark: str) -> int:
        if len(self) >= CACHE_MAX:
            self.clear()
        digest = blake2b(mark.encode("utf-8", "replace"), digest_size=4, person=b"link.1")
        row = self[mark] = 1 + int.from_bytes(digest.digest(), "little") % (ROWS - 1)
        return row


_row_of: Final = _Rows()


def features(pair: Pair) -> tuple[list[int], list[float]]:
    """Rows, distinct, and their values; row 0 is the bias."""
    hops = min(max(pair.hops, 0), FAR)
    size, silent, apart = _size(pair.size), _gap(pair.silent_ms), _gap(pair.apart_ms)
    place = round(4 * pair.place_share) if math.isfinite(pair.place_share) else 0
    is_here = place > 0
    marks = (
        f"R{pair.is_ruled},{min(size, 2)}",
        f"h{hops},{is_here}",
        f"a{apart},{hops},{is_here}",
        f"s{silent},{size}",
        f"z{size},{hops}",
        f"p{place},{size}",
        f"v{min(pair.services_count, 9)},{hops}",
        f"c{_pace(pair.silent_ms, pair.pace_ms)},{size > 1}",
        f"n{pair.name}",
        f"N{pair.name},{min(size, 2)}",
        f"l{pair.latest_name},{min(size, 2)}",
        f"f{_whole(2 * pair.affinity, -6, 6)},{size > 1}",
        f"t{_whole(8 * pair.trust, 0, 8)},{min(size, 3)}",
        f"b{_whole(4 * pair.shared_labels, 0, 8)}",
        f"r{min(pair.rivals_count, 3)},{hops},{min(size, 2)}",
    )
    rows = list(dict.fromkeys((0, *map(_row_of.__getitem__, marks))))
    return rows, [1.0] * len(rows)


def _size(count: int) -> int:
    """1, 2, 3-4, 5-8, ... up to 6."""
    return min(6, max(0, count - 1).bit_length())


def _gap(gap_ms: int) -> int:
    """Bins of a factor of about 1.6 from 4 s to 5 min, 0 to 10."""
    return min(10, int(2 * math.log1p(max(gap_ms, 0) / 4_000)))


def _pace(silent_ms: int, pace_ms: int) -> int:
    """How much longer than usual the incident is silent, as a power of two, -3 to 5."""
    return _whole(math.log2((max(silent_ms, 0) + 1_000) / (max(pace_ms, 0) + 3_000)), -3, 5)


def _whole(figure: float, low: int, high: int) -> int:
    return round(min(high, max(low, figure))) if math.isfinite(figure) else 0
