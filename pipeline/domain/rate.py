"""Rate: how many events fell into each window of time, as points of a series for a detector.

Who counts keeps a `Window` for each series; an event costs an addition. A window becomes a point
once it is over, and the empty ones before it are points of 0. They are only listed when the next
one that counts is over, or when it is to be judged while it is open (`caught_up`): so the first
event after a long silence costs no more than any other.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

CLOSED_MAX: Final = 60
"""Points that one event makes; of a longer silence only the last so many windows are points."""

LATE_WINDOWS_MAX: Final = 288
"""An event that is later than this is not late: the clock was wrong before, and windows go on
from the event's own time.
"""

COUNT_MAX: Final = 2**53

Points = tuple[tuple[int, float], ...]
"""(Unix milliseconds, value) of each window that is over, the earliest first."""


class Window(Struct, frozen=True, array_like=True):
    """The open window, which begins at `at_ms`, and how many events it holds so far. Those that
    begin before `since_ms` are points already; the ones between are empty.
    """

    since_ms: int
    at_ms: int
    count: int


def counted(kept: Window | None, at_ms: int, window_ms: int) -> tuple[Window, Points]:
    """Count an event at an instant (Unix milliseconds), and the points that it makes. One that
    comes late counts for the open window. `window_ms` is above 0 and the same for all events of
    one series.
    """
    begins_ms = at_ms - at_ms % window_ms
    if kept is None or begins_ms < kept.since_ms - LATE_WINDOWS_MAX * window_ms:
        return Window(begins_ms, begins_ms, 1), ()
    points: Points = ()
    if kept.count and begins_ms > kept.at_ms:
        kept, points = closed(kept, window_ms)
    if kept.count:
        return Window(kept.since_ms, kept.at_ms, min(kept.count + 1, COUNT_MAX)), points
    return Window(kept.since_ms, max(begins_ms, kept.since_ms), 1), points


def closed(kept: Window, window_ms: int) -> tuple[Window, Points]:
    """Close the window where it holds something; for a wake at its end."""
    if not kept.count:
        return kept, ()
    after_ms = kept.at_ms + window_ms
    points = (*_empty(kept, window_ms), (kept.at_ms, float(kept.count)))
    return Window(after_ms, after_ms, 0), points


def caught_up(kept: Window, window_ms: int) -> tuple[Window, Points]:
    """Make points of the empty windows before the open one, so that it can be judged itself."""
    return Window(kept.at_ms, kept.at_ms, kept.count), _empty(kept, window_ms)


def _empty(kept: Window, window_ms: int) -> Points:
    first_ms = max(kept.since_ms, kept.at_ms - (CLOSED_MAX - 1) * window_ms)
    return tuple((at_ms, 0.0) for at_ms in range(first_ms, kept.at_ms, window_ms))
