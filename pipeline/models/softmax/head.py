"""One head: its labels, where its columns lie, and all that judges it."""

from __future__ import annotations

from math import exp
from typing import Final

from msgspec import Struct, field

from pipeline.domain.model import NO, YES
from pipeline.models.calibration.bins import Bins
from pipeline.models.calibration.conformal import Conformal
from pipeline.models.calibration.temperature import Temperature
from pipeline.models.drift.rolling import Rolling
from pipeline.models.drift.watch import WatchState
from pipeline.models.softmax.labels import Labels

JUDGED_FIRST: Final = 2_000
JUDGED_EVERY: Final = 4
"""The first JUDGED_FIRST outcomes of a head are all judged, later ones one in JUDGED_EVERY: a
judgement costs as much as learning, and calibration needs no more."""

_BINARY: Final = frozenset({YES, NO})


class Head(Struct):
    """One head without its weights, as it lives and as a snapshot keeps it.

    Its columns begin at `start`; `error_rate` is that of about its last 2,000 outcomes; `watch`
    is current in a snapshot only.
    """

    name: str
    start: int
    labels: Labels
    error_rate: float = 0.0
    temperature: Temperature = field(default_factory=Temperature)
    bins: Bins = field(default_factory=Bins)
    conformal: Conformal = field(default_factory=Conformal)
    rolling: Rolling = field(default_factory=Rolling)
    watch: WatchState = WatchState()
    drifts_count: int = 0
    drifted_at: int = -1

    def judge(self, odds: list[float], truth: int) -> None:
        """Compare what it would have said with the truth (-1: a label not known before)."""
        count = self.labels.outcomes_count
        found = chances(odds, self.temperature.beta)
        highest = max(found)
        is_hit = truth >= 0 and found[truth] == highest
        chance = found[truth] if truth >= 0 else 0.0
        self.rolling.learn(self.bins.confidence(highest, count), chance, is_hit=is_hit)
        columns = self.labels.columns
        if YES in columns and _BINARY.issuperset(columns):
            at = columns[YES]
            self.rolling.learn_chance(found[at], is_yes=truth == at)
        self.bins.learn(highest, is_hit=is_hit)
        self.conformal.learn(chance)
        if truth >= 0 and len(odds) > 1:
            mean = 0.0
            for share, each in zip(found, odds, strict=True):
                mean += share * each
            self.temperature.learn(mean, odds[truth])


def chances(odds: list[float], beta: float) -> list[float]:
    """Softmax of beta x log-odds, by math.exp; never overflows. There must be one at least."""
    highest = max(odds)
    powers = [exp(beta * (each - highest)) for each in odds]
    share = 1.0 / sum(powers)
    return [each * share for each in powers]
