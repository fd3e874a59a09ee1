"""One head: its labels, where its columns lie, and all that judges it."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, fsum
from operator import mul
from typing import Final

from msgspec import Struct, field

from pipeline.domain.model import NO, YES
from pipeline.models.calibration.bins import Bins
from pipeline.models.calibration.conformal import Conformal
from pipeline.models.calibration.temperature import Temperature
from pipeline.models.drift.rolling import HORIZON, Rolling
from pipeline.models.drift.watch import WatchState
from pipeline.models.softmax.labels import FADE_EVERY, Labels

JUDGED_FIRST: Final = 2_000
JUDGED_EVERY: Final = 8
JUDGED_EVERY_OF_TWO: Final = 4
"""The first JUDGED_FIRST outcomes of a head are all judged, later ones one in JUDGED_EVERY: a
judgement costs more than learning. A head of two labels, which is right by chance more often than
by knowledge, needs more of them to know how sure it is. Errors are all counted, and told to the
watch for drift as the share of a block."""

ODDS_MAX: Final = 700.0
"""Log-odds above are as certain as these; the exponential of 710 is no number any more."""

SUM_MIN, SUM_MAX = 1e-280, 1e306
"""Exponentials that sum to less have lost digits and are taken again, relative to the highest;
those that sum to more are cut at ODDS_MAX."""

_BINARY: Final = frozenset({YES, NO})


class Head(Struct):
    """One head without its weights, as it lives and as a snapshot keeps it.

    Its columns begin at `start`; `bit` stands for it in sets of heads; `every` is the length of
    its blocks. `errors_count` is that of the block that has not ended, `error_rate` that of about
    its last 2,000 outcomes. `watch` is current in a snapshot only.
    """

    name: str
    start: int
    bit: int
    labels: Labels
    every: int = JUDGED_EVERY
    errors_count: int = 0
    error_rate: float = 0.0
    temperature: Temperature = field(default_factory=Temperature)
    bins: Bins = field(default_factory=Bins)
    conformal: Conformal = field(default_factory=Conformal)
    rolling: Rolling = field(default_factory=Rolling)
    watch: WatchState = WatchState()
    drifts_count: int = 0
    drifted_at: int = -1

    def end_block(self) -> float:
        """The share of errors in the block of outcomes that ends now; the next one is empty."""
        count = self.labels.outcomes_count
        size = 1 if count <= JUDGED_FIRST else self.every
        share = self.errors_count / size
        self.errors_count = 0
        self.error_rate += (share - self.error_rate) * size / min(count + 1, HORIZON)
        if not count % FADE_EVERY:
            self.labels.fade()
        return share

    def judge(self, odds: list[float], truth: int) -> None:
        """Compare what it would have said with the truth (-1: a label not known before)."""
        beta, top = self.temperature.beta, max(odds)
        powers = [exp(beta * (each - top)) for each in odds]
        highest = 1.0 / fsum(powers)
        is_hit = truth >= 0 and odds[truth] == top
        chance = powers[truth] * highest if truth >= 0 else 0.0
        confidence = self.bins.learn(highest, self.labels.outcomes_count, is_hit=is_hit)
        self.rolling.learn(confidence, chance, is_hit=is_hit)
        columns = self.labels.columns
        if len(columns) <= len(_BINARY) and YES in columns and _BINARY.issuperset(columns):
            at = columns[YES]
            self.rolling.learn_chance(powers[at] * highest, is_yes=truth == at)
        self.conformal.learn(chance)
        if truth >= 0 and len(odds) > 1:
            self.temperature.learn(fsum(map(mul, powers, odds)) * highest, odds[truth])


def exponentials(odds: Sequence[float]) -> list[float]:
    """The exponential of each log-odds, by math.exp; never overflows."""
    try:
        powers = list(map(exp, odds))
    except OverflowError:
        powers = [SUM_MAX]
    # Of floats only to compare it: Python 3.12 sums otherwise than 3.11. fsum is the same on all.
    if sum(powers) < SUM_MAX:
        return powers
    return [exp(min(each, ODDS_MAX)) for each in odds]


def chances(odds: list[float], beta: float) -> list[float]:
    """Softmax of beta x log-odds, by math.exp; never overflows. There must be one at least."""
    highest = max(odds)
    powers = [exp(beta * (each - highest)) for each in odds]
    share = 1.0 / fsum(powers)
    return [each * share for each in powers]
