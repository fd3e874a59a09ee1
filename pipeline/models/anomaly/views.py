"""Views: the twelve numbers that each point of a series is looked at as, and what they say.

The value as it is and its inverse hyperbolic sine, which is to counts and sizes what a logarithm
is, and takes zero. Of both: the level over 5 and over 60 points, what is left when the season is
taken away over 1, 5 and 60 points, and the spread of that over 20. Each has an envelope, and the
strength of a point is the sum of their margins: no single view has to be sure. It weighs more
the further out the residuals over 1 and 5 points lie on their tails.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from msgspec import Struct

from pipeline.models.anomaly.envelope import Envelope, EnvelopeState
from pipeline.models.anomaly.season import Season
from pipeline.models.anomaly.tail import Tail

NAMES: Final[tuple[str, ...]] = (
    "level 5", "level 60", "residual 1", "residual 5", "residual 60", "spread 20",
)  # fmt: skip
"""The views of one scale; all of them stand first for the value, then for its curve."""

HALF_LIFE_POINTS: Final = 8_000.0
"""Of a record: a month of points five minutes apart."""

SHORT, MIDDLE, LONG = 2 / 6, 2 / 21, 2 / 61
"""Weights of the newest point in a mean over about 5, 20 and 60 points."""


NUMBER_MAX: Final = 1e100
"""Larger values count as this, so that their squares are still numbers."""

CURVE_MAX: Final = 460.0
TAIL_WEIGHT: Final = 0.2
"""What a mean excess further out adds."""

GRAIN: Final = 1e-9
"""A residual below this share of the value is rounding, and nothing is left."""


class ScaleState(Struct, frozen=True, array_like=True):
    """One scale as it is kept."""

    is_begun: bool
    means: list[float]
    envelopes: list[EnvelopeState]


class Seen(NamedTuple):
    """One point: what was usual and the usual deviation, both on the curve; the margin of each
    view; the residuals over 1, 5 and 60 points in the value's own unit; by how much the first
    two are further out than usual.
    """

    usual: float
    spread: float
    margins: list[float]
    residuals: tuple[float, float, float]
    far: float

    @property
    def strength(self) -> float:
        """How unusual the point is, 0 where no view is beyond its envelope."""
        return math.fsum(self.margins) * (1.0 + TAIL_WEIGHT * self.far)


class Scale:
    """The six views of one scale."""

    __slots__ = ("_envelopes", "_is_begun", "_means")

    def __init__(self, half_life_points: float) -> None:
        self._envelopes = [Envelope(half_life_points) for _ in NAMES]
        self._means = [0.0] * 5
        self._is_begun = False

    def margins(self, number: float, residual: float) -> list[float]:
        """How far each view is beyond its envelope."""
        if not self._is_begun:
            self._is_begun = True
            self._means = [number, number, residual, residual, residual * residual]
        means = self._means
        means[0] += SHORT * (number - means[0])
        means[1] += LONG * (number - means[1])
        means[2] += SHORT * (residual - means[2])
        means[3] += LONG * (residual - means[3])
        means[4] += MIDDLE * (residual * residual - means[4])
        looked_at = (means[0], means[1], residual, means[2], means[3], math.sqrt(means[4]))
        return [
            envelope.margin(number)
            for envelope, number in zip(self._envelopes, looked_at, strict=True)
        ]

    @property
    def residuals(self) -> tuple[float, float]:
        """What is left without the season, over 5 and over 60 points."""
        return self._means[2], self._means[3]

    def state(self) -> ScaleState:
        """What `restore` takes back."""
        envelopes = [each.state() for each in self._envelopes]
        return ScaleState(self._is_begun, list(self._means), envelopes)

    def restore(self, state: ScaleState) -> None:
        """Be what that state was of. Raises ValueError where it has another shape."""
        if len(state.means) != len(self._means):
            raise ValueError("a scale has five means")
        self._is_begun, self._means = state.is_begun, list(state.means)
        for envelope, kept in zip(self._envelopes, state.envelopes, strict=True):
            envelope.restore(kept)


class Views:
    """Both scales of one series and its season. `unit` is where the curve bends: about the usual
    size of the values, above 0.
    """

    __slots__ = ("curved", "plain", "season", "tails", "unit")

    def __init__(self, unit: float, half_life_points: float = HALF_LIFE_POINTS) -> None:
        self.unit = unit
        self.season = Season()
        self.plain, self.curved = Scale(half_life_points), Scale(half_life_points)
        self.tails = (Tail(), Tail())

    def see(self, at_ms: int, value: float) -> Seen:
        """The next point: a number within NUMBER_MAX."""
        curve = math.asinh(value / self.unit)
        usual = self.season.expected(at_ms, curve)
        spread = self.season.spread
        left, curve_left = value - self.straight(usual), curve - usual
        if abs(curve_left) <= GRAIN * (abs(curve) + 1.0):
            left = curve_left = 0.0
        margins = self.plain.margins(value, left) + self.curved.margins(curve, curve_left)
        self.season.learn(at_ms, curve, usual)
        after, drift = self.plain.residuals
        far = self.tails[0].far(left) + self.tails[1].far(after)
        return Seen(usual, spread, margins, (left, after, drift), far)

    def straight(self, curve: float) -> float:
        """The value at a place on the curve."""
        value = self.unit * math.sinh(min(max(curve, -CURVE_MAX), CURVE_MAX))
        return min(max(value, -NUMBER_MAX), NUMBER_MAX)
