"""When a silence mutes: one window, or those of its recurrence rule (then it is a maintenance)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from msgspec import Struct

from pipeline.domain.silence import Silence
from pipeline.oncall.recurrence import Rule, parse_rule, starts_of, zone_of

DURATION_MS_MAX: Final = 31 * 86_400_000
"""One window of a maintenance lasts at most so long."""

WINDOWS_SHOWN_MAX: Final = 100

LAST_MS: Final = 2**43
"""The latest end of a silence (in 2248): beyond the calendar's own end nothing is computed."""


class Window(Struct, frozen=True):
    """A span of time: `start_ms` belongs to it, `end_ms` does not."""

    start_ms: int
    end_ms: int


class Calendar:
    """The windows of one silence, asked for rising instants.

    It remembers where it is, so that a step of time costs at most the occurrences within it; an
    earlier instant starts it over. Raises ValueError for a silence that cannot be understood.
    """

    def __init__(self, silence: Silence) -> None:
        check_times(silence)
        self._silence = silence
        self._starts_ms = max(silence.starts_at_ms, silence.effective_at_ms)
        self._rule: Rule | None = parse_rule(silence.rrule) if silence.rrule else None
        self._zone = zone_of(silence.time_zone)
        self._ahead: Iterator[int] = iter(())
        self._current: int | None = None
        self._next: int | None = None
        self._restart()

    def window_at(self, at_ms: int) -> Window | None:
        """The window that holds the instant, or None. Of overlapping ones, the latest."""
        if not self._starts_ms <= at_ms < self._silence.ends_at_ms:
            return None
        if self._rule is None:
            return Window(self._starts_ms, self._silence.ends_at_ms)
        if self._current is not None and at_ms < self._current:
            self._restart()
        while self._next is not None and self._next <= at_ms:
            self._current, self._next = self._next, next(self._ahead, None)
        if self._current is None or at_ms >= self._current + self._silence.duration_ms:
            return None
        return self._window(self._current)

    def windows(self, after_ms: int, count: int = 5) -> tuple[Window, ...]:
        """The first windows that end after an instant, at most WINDOWS_SHOWN_MAX of them."""
        found = (each for each in self._all() if each.end_ms > max(after_ms, each.start_ms))
        return tuple(islice(found, min(count, WINDOWS_SHOWN_MAX)))

    def _all(self) -> Iterator[Window]:
        if self._rule is None:
            yield Window(self._starts_ms, self._silence.ends_at_ms)
            return
        for start in starts_of(self._rule, self._zone, self._silence.starts_at_ms):
            if start >= self._silence.ends_at_ms:
                return
            yield self._window(start)

    def _window(self, start_ms: int) -> Window:
        end_ms = min(start_ms + self._silence.duration_ms, self._silence.ends_at_ms)
        return Window(max(start_ms, self._starts_ms), end_ms)

    def _restart(self) -> None:
        self._current = None
        if self._rule is not None:
            self._ahead = starts_of(self._rule, self._zone, self._silence.starts_at_ms)
        self._next = next(self._ahead, None)


def check_times(silence: Silence) -> None:
    """Raises ValueError, saying what to write, where a silence's times make no sense."""
    if silence.ends_at_ms <= silence.starts_at_ms:
        raise ValueError("ends_at is not after starts_at: a silence needs an end")
    if silence.starts_at_ms < 0 or silence.ends_at_ms > LAST_MS:
        raise ValueError("a silence lies between the years 1970 and 2248: check its times")
    if silence.rrule and not 0 < silence.duration_ms <= DURATION_MS_MAX:
        raise ValueError("a maintenance with an rrule needs a duration of up to 31 days")
    if silence.duration_ms and not silence.rrule:
        raise ValueError("a duration is only for a maintenance with an rrule: set ends_at")
