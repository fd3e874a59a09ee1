"""The rate of calls, counted over a sliding window so that no window holds more than allowed.

A token bucket lets twice its size through around a refill; PagerDuty counts a sliding minute.
Calls are counted in 30 buckets of the window, and a bucket counts until it has left the window
as a whole: so the limit is never passed, and at most 1/31 of it is given away.
"""

from __future__ import annotations

from typing import Final

from pipeline.domain.units import Rate

BUCKETS: Final = 30
Window = tuple[tuple[int, int], ...]


def limit_of(rate: Rate) -> tuple[int, int]:
    """(calls, window in ms): per minute, or per hour where that would be less than one."""
    per_minute = int(rate) // 60
    return (per_minute, 60_000) if per_minute else (int(rate), 3_600_000)


def free_at_ms(window: Window, rate: Rate, now_ms: int) -> int:
    """When the next call is allowed: `now_ms` where it is at once."""
    calls_max, window_ms = limit_of(rate)
    width_ms = window_ms // BUCKETS
    oldest = now_ms // width_ms - BUCKETS
    counted = [pair for pair in window if pair[0] >= oldest]
    total = sum(calls for _, calls in counted)
    for bucket, calls in counted:
        if total < calls_max:
            break
        total -= calls
        now_ms = (bucket + BUCKETS + 1) * width_ms
    return now_ms


def counted(window: Window, rate: Rate, now_ms: int) -> Window:
    """The window with one more call, at `now_ms`."""
    width_ms = limit_of(rate)[1] // BUCKETS
    bucket = now_ms // width_ms
    if window and window[-1][0] == bucket:
        return (*window[:-1], (bucket, window[-1][1] + 1))
    return (*(pair for pair in window if pair[0] >= bucket - BUCKETS), (bucket, 1))
