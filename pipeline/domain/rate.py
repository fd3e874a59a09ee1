"""Rate: how many events fell into each window of time, as points of a series for a detector.

A stage that counts alerts per service and rule keeps a `KeptRate` in its table under that key and
calls `counted` for each alert. An alert costs an addition; the detector is asked when a window
closes, and empty windows in between are points of 0, since silence may be unusual, too.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.series import KeptSeries, Reading, SeriesDetector

CLOSED_MAX: Final = 60
"""Windows that close at one event; of a longer silence only the last so many are points."""

LATE_WINDOWS_MAX: Final = 288
"""An event that is later than this is not late: the clock was wrong before, and windows go on
from the event's own time.
"""

COUNT_MAX: Final = 2**53


class KeptRate(Struct, frozen=True, array_like=True):
    """The open window, which begins at `window_at_ms`, how many events it holds so far, and the
    series of the closed ones.
    """

    window_at_ms: int
    count: int
    series: KeptSeries | None = None


def counted(
    detector: SeriesDetector, kept: KeptRate | None, at_ms: int, window_ms: int
) -> tuple[KeptRate, tuple[Reading, ...]]:
    """Count an event at an instant (Unix milliseconds); what is said of the windows that close,
    at most CLOSED_MAX. One that comes late counts for the open window. `window_ms` is above 0 and
    the same for all events of one series.
    """
    moved, readings = passed(detector, kept, at_ms, window_ms)
    return replace(moved, count=min(moved.count + 1, COUNT_MAX)), readings


def passed(
    detector: SeriesDetector, kept: KeptRate | None, at_ms: int, window_ms: int
) -> tuple[KeptRate, tuple[Reading, ...]]:
    """Close the windows that are over at an instant, without an event: for a wake."""
    now_at_ms = at_ms - at_ms % window_ms
    if kept is None:
        return KeptRate(now_at_ms, 0), ()
    if now_at_ms < kept.window_at_ms - LATE_WINDOWS_MAX * window_ms:
        return KeptRate(now_at_ms, 0, kept.series), ()
    series, readings = kept.series, []
    over = max(0, (now_at_ms - kept.window_at_ms) // window_ms)
    if over:
        series, reading = detector.observe(series, kept.window_at_ms, float(kept.count))
        readings.append(reading)
    for back in range(min(over, CLOSED_MAX) - 1, 0, -1):
        series, reading = detector.observe(series, now_at_ms - back * window_ms, 0.0)
        readings.append(reading)
    if not over:
        return kept, ()
    return KeptRate(now_at_ms, 0, series), tuple(readings)
