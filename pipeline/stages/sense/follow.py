"""Follow: one series takes what an alert brings; its detector is asked as seldom as possible.

A rate is a point once its window is over, and a wake says so. A burst should not wait for that:
when the count of the open window passes what was usual, and each time it has doubled since, the
window is judged as it stands. Values are points at once, some of each window.
"""

from __future__ import annotations

import math
from typing import Final

from msgspec.structs import replace

from pipeline.domain import rate
from pipeline.domain.incident import RATE
from pipeline.domain.rate import Points, Window
from pipeline.domain.series import Reading, SeriesDetector
from pipeline.domain.stage import Context
from pipeline.stages.sense import reasons
from pipeline.stages.sense.tables import SERIES, OpenRow

VALUES_MAX: Final = 20
"""Values of one series that are points, of each window; further ones are passed over."""

TRY_MIN: Final = 4
"""A window with fewer alerts is judged only when it is over."""

TRY_MAX: Final = 2**31
POINTS_MAX: Final = 1_000_000


class Follower:
    """Series by their keys, with the detector that all of them have."""

    def __init__(self, detector: SeriesDetector, window_ms: int) -> None:
        self._detector = detector
        self.window_ms = window_ms

    def count(self, key: str, row: OpenRow, at_ms: int, ctx: Context) -> tuple[OpenRow, Reading]:
        """An alert of a rate began; what is to be said, of the open window if anything."""
        window, points = rate.counted(row.window, at_ms, self.window_ms)
        row = replace(row, window=window)
        reading = NOTHING
        if points:
            row, reading = self._observed(key, row, points, ctx)
        if not row.try_at or window.count < row.try_at:
            return row, reading
        return self._tried(key, row, ctx)

    def close(self, key: str, row: OpenRow, ctx: Context) -> tuple[OpenRow, Reading]:
        """The open window of a rate is over."""
        window, points = rate.closed(row.window, self.window_ms)
        return self._observed(key, replace(row, window=window), points, ctx)

    def value(
        self, key: str, row: OpenRow, at_ms: int, value: float, ctx: Context
    ) -> tuple[OpenRow, Reading]:
        """An alert carries a value of a series."""
        begins_ms = max(at_ms - at_ms % self.window_ms, row.window.at_ms)
        count = row.window.count if begins_ms == row.window.at_ms else 0
        if count >= VALUES_MAX:
            ctx.reason(reasons.CROWDED)
            return row, NOTHING
        row = replace(row, window=Window(begins_ms, begins_ms, count + 1))
        return self._observed(key, row, ((at_ms, value),), ctx)

    def _tried(self, key: str, row: OpenRow, ctx: Context) -> tuple[OpenRow, Reading]:
        """Judge the open window by what it holds so far, and keep nothing of that."""
        window, points = rate.caught_up(row.window, self.window_ms)
        if points:
            row, _ = self._observed(key, replace(row, window=window), points, ctx)
        kept = ctx.table(SERIES).get(key)
        _, reading = self._detector.observe(kept, window.at_ms, float(window.count))
        return replace(row, try_at=min(2 * window.count, TRY_MAX)), reading

    def _observed(
        self, key: str, row: OpenRow, points: Points, ctx: Context
    ) -> tuple[OpenRow, Reading]:
        table = ctx.table(SERIES)
        kept, readings = self._detector.observe_all(table.get(key), points)
        table.put(key, kept)
        reading = readings[-1]
        try_at = _try_at(reading) if row.kind == RATE else 0
        points_count = min(row.points + len(points), POINTS_MAX)
        return replace(row, points=points_count, try_at=try_at), reading


NOTHING: Final = Reading(at_ms=0, value=math.nan)


def _try_at(reading: Reading) -> int:
    """The first count of a window that is worth judging before it is over. A series that is not
    learned yet may be so with the empty windows that are still to be counted.
    """
    return max(TRY_MIN, int(min(reading.high, TRY_MAX)) + 1) if reading.is_learned else TRY_MIN
