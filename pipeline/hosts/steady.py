"""Steady: a clock that never jumps and goes on while the machine is suspended.

Whoever measures what others go on counting, as a coordinator counts a session, needs this one:
`time.monotonic` stands still with the machine on Linux, and on macOS.
"""

from __future__ import annotations

import time
from typing import Final

# Linux counts a sleep in CLOCK_BOOTTIME alone; macOS, which lacks it, in its CLOCK_MONOTONIC.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_s() -> float:
    """Seconds since some instant before this process began."""
    return time.clock_gettime(_CLOCK)


def steady_ms() -> int:
    """Milliseconds since the same instant."""
    return time.clock_gettime_ns(_CLOCK) // 1_000_000
