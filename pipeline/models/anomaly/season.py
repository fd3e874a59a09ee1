"""Season: what is usual at this hour of the day and this weekday, learned from what is usual.

The hour's mean is drawn between neighbouring hours by the minute; the weekday adds what it
differs by, the more the oftener it was seen. What lies far outside teaches no more than what
lies at the edge, so that an outage is not what is expected tomorrow.
"""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

HOUR_MS: Final = 3_600_000
HOURS: Final = 24
WEEK_HOURS: Final = 168

KNOWN_POINTS: Final = 3
"""An hour with fewer is answered with the mean of late."""

HOUR_MEMORY: Final = 0.01
WEEK_MEMORY: Final = 0.02
MEAN_MEMORY: Final = 0.005
SPREAD_MEMORY: Final = 0.002
"""Weights of the newest point where many were seen; before, all weigh the same."""

WEEK_DOUBT_POINTS: Final = 12.0
"""After so many points a weekday's hour is believed half."""

COUNT_MAX: Final = 1_000
"""Beyond it the memory's weight holds, and a count says no more."""

FIRST_POINTS: Final = 50
CLIP_SPREADS: Final = 5.0


class SeasonState(Struct, frozen=True, array_like=True):
    """A season as it is kept: 24 means and counts by hour, 168 by hour of the week."""

    count: int
    mean: float
    square: float
    hours: list[float]
    hour_counts: list[int]
    week: list[float]
    week_counts: list[int]


class Season:
    """Two tables of means; O(1) per point, 386 numbers of state."""

    __slots__ = (
        "_hour_counts", "_hours", "_mean", "_square", "_week", "_week_counts", "count"
    )  # fmt: skip

    def __init__(self) -> None:
        self.count = 0
        self._mean = self._square = 0.0
        self._hours, self._hour_counts = [0.0] * HOURS, [0] * HOURS
        self._week, self._week_counts = [0.0] * WEEK_HOURS, [0] * WEEK_HOURS

    @property
    def spread(self) -> float:
        """The root mean square of what was not expected."""
        return math.sqrt(self._square)

    def expected(self, at_ms: int, number: float) -> float:
        """What is usual at an instant; `number` itself for the first point of all."""
        if self.count == 0:
            return number
        hour, rest_ms = divmod(at_ms, HOUR_MS)
        aside = rest_ms / HOUR_MS - 0.5
        here, there = hour % HOURS, (hour + (1 if aside > 0 else -1)) % HOURS
        counts, hours, mean = self._hour_counts, self._hours, self._mean
        share = abs(aside)
        usual = (1.0 - share) * (hours[here] if counts[here] >= KNOWN_POINTS else mean)
        usual += share * (hours[there] if counts[there] >= KNOWN_POINTS else mean)
        slot = hour % WEEK_HOURS
        seen = self._week_counts[slot]
        return usual + self._week[slot] * seen / (seen + WEEK_DOUBT_POINTS)

    def learn(self, at_ms: int, number: float, expected: float) -> None:
        """Take a point and what was expected of it."""
        self.count += 1
        if self.count == 1:
            self._mean = number
        hour = at_ms // HOUR_MS
        here, slot = hour % HOURS, hour % WEEK_HOURS
        if self.count > FIRST_POINTS:
            limit = CLIP_SPREADS * self.spread
            number = min(max(number, expected - limit), expected + limit)
        off = number - expected
        even = 1.0 / self.count
        self._square += max(even, SPREAD_MEMORY) * (off * off - self._square)
        seen = self._hour_counts[here] = min(self._hour_counts[here] + 1, COUNT_MAX)
        self._hours[here] += max(1.0 / seen, HOUR_MEMORY) * (number - self._hours[here])
        seen = self._week_counts[slot] = min(self._week_counts[slot] + 1, COUNT_MAX)
        aside = number - self._hours[here]
        self._week[slot] += max(1.0 / seen, WEEK_MEMORY) * (aside - self._week[slot])
        self._mean += max(even, MEAN_MEMORY) * (number - self._mean)

    def state(self) -> SeasonState:
        """What `restore` takes back."""
        return SeasonState(
            self.count,
            self._mean,
            self._square,
            list(self._hours),
            list(self._hour_counts),
            list(self._week),
            list(self._week_counts),
        )

    def restore(self, state: SeasonState) -> None:
        """Be what that state was of. Raises ValueError where it has another shape."""
        if not len(state.hours) == len(state.hour_counts) == HOURS:
            raise ValueError("a season has 24 hours")
        if not len(state.week) == len(state.week_counts) == WEEK_HOURS:
            raise ValueError("a season has 168 hours of the week")
        self.count, self._mean, self._square = state.count, state.mean, state.square
        self._hours, self._hour_counts = list(state.hours), list(state.hour_counts)
        self._week, self._week_counts = list(state.week), list(state.week_counts)
