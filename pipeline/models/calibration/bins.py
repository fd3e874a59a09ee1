"""Histogram bins: how often the first label was right when it looked this certain.

The bins are even in log-odds, so that the crowd between .95 and 1 is told apart. What a bin has
seen is weighed against the score itself, and old outcomes fade by halving.
"""

from __future__ import annotations

from math import log
from typing import Final

from msgspec import Struct, field

BINS: Final = 28
_LOWEST: Final = -2.0
_PER_UNIT: Final = 2.5
"""Bins per unit of log-odds: from -2 (.12) to 9.2 (.9999)."""

PRIOR: Final = 10.0
"""The score itself counts like so many outcomes of its bin."""

OUTCOMES_MAX: Final = 3_000.0
"""At this count a bin is halved, so that it follows a change."""

_CERTAIN: Final = 1e-9


def bin_of(probability: float) -> int:
    """The bin of a probability, 0 to BINS - 1."""
    at = int((log((probability + _CERTAIN) / (1.0 - probability + _CERTAIN)) - _LOWEST) * _PER_UNIT)
    if at < 0:
        return 0
    return at if at < BINS else BINS - 1


def _zeros() -> list[float]:
    return [0.0] * BINS


class Bins(Struct):
    """Outcomes and hits by bin."""

    counts: list[float] = field(default_factory=_zeros)
    hits: list[float] = field(default_factory=_zeros)

    def confidence(self, probability: float, outcomes_count: int) -> float:
        """The calibrated chance behind a probability of the first label. `outcomes_count` of
        the head: one that has seen little trusts its own score little.
        """
        at = bin_of(probability)
        prior = probability * outcomes_count / (outcomes_count + PRIOR)
        return (self.hits[at] + PRIOR * prior) / (self.counts[at] + PRIOR)

    def learn(self, probability: float, outcomes_count: int, *, is_hit: bool) -> float:
        """Count an outcome; the confidence that there was before it."""
        at = bin_of(probability)
        hits, count = self.hits[at], self.counts[at]
        prior = probability * outcomes_count / (outcomes_count + PRIOR)
        confidence = (hits + PRIOR * prior) / (count + PRIOR)
        scale = 0.5 if count + 1.0 >= OUTCOMES_MAX else 1.0
        self.counts[at] = (count + 1.0) * scale
        self.hits[at] = (hits + is_hit) * scale
        return confidence
