"""Adaptive conformal inference: the labels that can not be ruled out, right at a promised rate.

A label conforms while 1 - its probability is at most `reach`. After each outcome `reach` grows
where the truth lay outside and shrinks a little where it lay inside, so that the long-run share
of truths inside is COVERAGE whatever the stream does (Gibbs and Candes, 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

COVERAGE: Final = 0.9
RATE: Final = 0.005
"""How far one miss moves `reach`."""

CANDIDATES_MAX: Final = 8


class Conformal(Struct):
    """How far a label's probability may lie below 1."""

    reach: float = 0.9

    def is_alone(self, highest: float) -> bool:
        """Whether the likeliest label conforms and no other can: they share what it leaves."""
        least = 1.0 - self.reach
        return highest >= least > 1.0 - highest

    def conforming(self, shares: Sequence[float], total: float = 1.0) -> list[int]:
        """Places of the labels that conform, the likeliest first, at most CANDIDATES_MAX. A
        label's probability is its share of `total`.

        Where none does the subject is stranger than nine of ten: the two likeliest are named,
        so that a set of one always means that one label alone conforms.
        """
        least = (1.0 - self.reach) * total
        found = sorted([(-each, place) for place, each in enumerate(shares) if each >= least])
        if not found:
            found = sorted([(-each, place) for place, each in enumerate(shares)])[:2]
        return [place for _, place in found[:CANDIDATES_MAX]]

    def learn(self, probability: float) -> None:
        """Take the probability that the truth had (0 for a label not known before)."""
        if 1.0 - probability > self.reach:
            self.reach = min(1.0, self.reach + RATE * COVERAGE)
        else:
            self.reach = max(0.0, self.reach - RATE * (1.0 - COVERAGE))
