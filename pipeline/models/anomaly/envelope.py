"""Envelope: how far a number goes beyond everything that was seen, as a share of its usual width.

The highest and the lowest number seen are drawn to the mean with a half-life, so that a record
of long ago does not blind. A number inside says nothing, which makes records rare by themselves:
the n-th of n like numbers is one with a chance of 2/n, whatever their distribution.
"""

from __future__ import annotations

import math
from typing import Final

MARGIN_MAX: Final = 1.0
"""Beyond by its whole width, or the first move of what never moved: more says no more."""

EnvelopeState = tuple[int, float, float, float]
"""Points seen, highest, lowest, mean."""


class Envelope:
    """The range of one number; O(1) per point, four numbers of state."""

    __slots__ = ("_fade", "count", "high", "low", "mean")

    def __init__(self, half_life_points: float) -> None:
        self._fade = math.exp(-math.log(2.0) / half_life_points)
        self.count = 0
        self.high = self.low = self.mean = 0.0

    def margin(self, number: float) -> float:
        """How far beyond the range the number is (0 inside, at most MARGIN_MAX); it then widens
        the range.
        """
        self.count += 1
        if self.count == 1:
            self.high = self.low = self.mean = number
            return 0.0
        high, low = self.high, self.low
        beyond = number - high if number > high else low - number
        width = high - low
        fade = self._fade
        mean = self.mean = self.mean + max(1.0 - fade, 1.0 / self.count) * (number - self.mean)
        self.high = number if number > high else max(mean + (high - mean) * fade, mean)
        self.low = number if number < low else min(mean + (low - mean) * fade, mean)
        if beyond <= 0.0:
            return 0.0
        return beyond / width if beyond < width * MARGIN_MAX else MARGIN_MAX

    def state(self) -> EnvelopeState:
        """What `restore` takes back."""
        return self.count, self.high, self.low, self.mean

    def restore(self, state: EnvelopeState) -> None:
        """Be what that state was of."""
        self.count, self.high, self.low, self.mean = state
