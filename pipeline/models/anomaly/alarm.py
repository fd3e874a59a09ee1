"""Alarm: when the strength of a point is said to be an anomaly, and when it is only its tail.

What was said rests for a while, unless it grows much stronger. A series that gave several alarms
of late must be stronger to give another one, so each has its own threshold. And what counts is
held against chance: one event more than usual is none, however new that is.
"""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

CHANCE_SPREADS: Final = 3.0
"""Standard deviations of a Poisson count that chance may bring."""

MEAN_TO_STANDARD: Final = 1.2533
"""The standard deviation of a normal number over its mean size."""

SPANS: Final = (1.0, 5.0, 60.0)


class Setting(Struct, frozen=True, kw_only=True):
    """What was chosen once, for all series.

    `threshold` is the strength that a first alarm needs; each alarm adds `burden` of it, which
    halves every `burden_points`. For `quiet_points` after an alarm only what is `louder` times as
    strong is a new one. Records halve every `half_life_points`.
    """

    half_life_points: float = 8_000.0
    threshold: float = 0.13
    quiet_points: int = 120
    louder: float = 3.0
    burden: float = 0.25
    burden_points: float = 300.0


SINCE_MAX: Final = 1_000_000


class AlarmState(Struct, frozen=True, array_like=True):
    """An alarm as it is kept: the points since the last one, its strength, what weighs on it."""

    since_points: int = SINCE_MAX
    strength: float = 0.0
    burden: float = 0.0


class Alarm:
    """Whether a strength is an anomaly, point by point."""

    __slots__ = ("_burden", "_fade", "_setting", "_since", "_strength")

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._fade = math.exp(-math.log(2.0) / setting.burden_points)
        self._since, self._strength, self._burden = SINCE_MAX, 0.0, 0.0

    def take(self, strength: float) -> bool:
        """The strength of the next point; whether it is an anomaly."""
        setting = self._setting
        self._since = min(self._since + 1, SINCE_MAX)
        self._burden *= self._fade
        if strength < setting.threshold * (1.0 + setting.burden * self._burden):
            return False
        if self._since < setting.quiet_points and strength < self._strength * setting.louder:
            return False
        self._since, self._strength = 0, strength
        self._burden += 1.0
        return True

    def state(self) -> AlarmState:
        """What `restore` takes back."""
        return AlarmState(self._since, self._strength, self._burden)

    def restore(self, state: AlarmState) -> None:
        """Be what that state was of."""
        self._since, self._strength = state.since_points, state.strength
        self._burden = state.burden


def is_chance(expected: float, size: float, residuals: tuple[float, float, float]) -> bool:
    """Whether counts that differ so from what is expected, over 1, 5 and 60 points, may well be
    Poisson's. `size` is the mean size of what differed before: whole numbers that keep closer
    together than counts do, as percents, are held to their own.
    """
    own = MEAN_TO_STANDARD * size
    variance = max(min(max(expected, 0.0) + 1.0, own * own), 1.0)
    limit = CHANCE_SPREADS * CHANCE_SPREADS * variance
    return all(
        residual * residual * span <= limit for residual, span in zip(residuals, SPANS, strict=True)
    )
