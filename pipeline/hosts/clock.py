"""The host's clock: wall time that never goes back and never follows a jump.

Where the wall clock went back while nothing ran, time goes on from where it had come to, at half
speed until the wall has caught up: timers go on, and no instant comes twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from pipeline.hosts.steady import steady_ms

JUMP_MS_MAX: Final = 60_000
"""A wall clock that leaves the monotonic one by more than this is reported, not followed."""


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000  # noqa: TID251  (this is the host's one clock)


class Clock:
    """`now_ms()` follows the wall clock in small steps; `jump_ms` says by how much it is off.

    A part of that is `behind_ms`: the wall is so far behind what was reached before the start.
    """

    def __init__(
        self, wall_ms: Callable[[], int] = _wall_ms, steady_ms: Callable[[], int] = steady_ms
    ) -> None:
        self._wall_ms, self._steady_ms = wall_ms, steady_ms
        self._offset_ms = wall_ms() - steady_ms()
        self._last_ms = 0
        self._ahead_ms = 0
        self._ahead_since_ms = 0
        self.jump_ms = 0
        self.behind_ms = 0

    def not_before(self, at_ms: int) -> None:
        """Go on from `at_ms`, which was reached before, if the wall says less."""
        self._ahead_ms = max(0, at_ms - self.now_ms())
        self._ahead_since_ms = self._steady_ms()

    def now_ms(self) -> int:
        """Milliseconds since the epoch, never less than before."""
        steady = self._steady_ms()
        offset_ms = self._wall_ms() - steady
        off = offset_ms - self._offset_ms
        if abs(off) <= JUMP_MS_MAX:
            self._offset_ms = offset_ms  # set, not added: two threads may be here at once
            self.jump_ms = 0
        else:
            self.jump_ms = off
        ahead = max(0, self._ahead_ms - (steady - self._ahead_since_ms) // 2)
        self.behind_ms = ahead if ahead > JUMP_MS_MAX else 0
        self.jump_ms -= self.behind_ms
        self._last_ms = max(self._last_ms, steady + self._offset_ms + ahead)
        return self._last_ms
