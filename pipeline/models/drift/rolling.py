"""Rolling figures of one head: each outcome counts, older ones fade, nothing grows.

Accuracy and log-loss are exponential means over about HORIZON outcomes; the calibration error
sums ten bins that fade alike. The area under the precision-recall curve needs the outcomes
themselves: the last WINDOW of them are kept, and River computes it when somebody asks.
"""

from __future__ import annotations

from math import fsum, log
from typing import Any, Final

from msgspec import Struct, field

from pipeline.domain.alert import NAN

HORIZON: Final = 2_000
WINDOW: Final = 1_000
BINS: Final = 10
CHANCE_MIN: Final = 1e-6
"""The least chance that the log-loss takes: one outcome costs at most 13.8."""

_GROWTH: Final = 1.0 / (1.0 - 1.0 / HORIZON)
_GROWN_MAX: Final = 1e12
"""Newer outcomes weigh more instead of older ones less; at this weight all are scaled back."""


def _zeros() -> list[float]:
    return [0.0] * BINS


class Rolling(Struct):
    """The figures of one head; `gaps` sum confidence less hit, by bin of confidence."""

    judged_count: int = 0
    error_rate: float = 0.0
    log_loss: float = 0.0
    weight: float = 1.0
    weights_sum: float = 0.0
    gaps: list[float] = field(default_factory=_zeros)
    chances: list[float] = field(default_factory=list)
    truths: list[bool] = field(default_factory=list)

    def learn(self, confidence: float, chance: float, *, is_hit: bool) -> None:
        """Judge an outcome: the confidence of the first label, the chance that the truth had."""
        count = self.judged_count = self.judged_count + 1
        loss = -log(max(CHANCE_MIN, chance))
        self.log_loss += (loss - self.log_loss) / (min(HORIZON, count))
        weight = self.weight = self.weight * _GROWTH
        self.weights_sum += weight
        at = int(confidence * BINS)
        self.gaps[at if at < BINS else BINS - 1] += weight * (confidence - is_hit)
        if weight > _GROWN_MAX:
            self.gaps = [each / weight for each in self.gaps]
            self.weights_sum /= weight
            self.weight = 1.0

    def learn_chance(self, chance: float, *, is_yes: bool) -> None:
        """Keep the chance of YES and what it was, in a ring of WINDOW."""
        if len(self.chances) < WINDOW:
            self.chances.append(chance)
            self.truths.append(is_yes)
        else:
            at = self.judged_count % WINDOW
            self.chances[at], self.truths[at] = chance, is_yes

    @property
    def calibration_error(self) -> float:
        """The expected calibration error, 0 to 1; NaN before the first outcome."""
        if not self.judged_count:
            return NAN
        return fsum(map(abs, self.gaps)) / self.weights_sum

    @property
    def pr_auc(self) -> float:
        """The area under the precision-recall curve of YES; NaN until both answers were seen."""
        if not any(self.truths) or all(self.truths):
            return NAN
        from river.metrics import RollingPRAUC  # noqa: PLC0415 - scoring alone needs no River

        make: Any = RollingPRAUC
        metric = make(window_size=WINDOW)
        for truth, chance in zip(self.truths, self.chances, strict=True):
            metric.update(truth, chance)
        return float(metric.get())
