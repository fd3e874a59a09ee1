"""How well predicted groups agree with true ones: pairwise F1 and B-cubed, the usual definitions.

B-cubed: Bagga and Baldwin, 1998. Both are computed from the counts of (true, predicted) pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple


class Agreement(NamedTuple):
    """Pairwise F1, B-cubed precision, recall and F1, and how many groups were predicted."""

    pairwise_f1: float
    precision: float
    recall: float
    bcubed_f1: float
    groups: int


def agreement(true: Sequence[Hashable], predicted: Sequence[Hashable]) -> Agreement:
    """Compare two labellings of the same items."""
    by_true, by_predicted = Counter(true), Counter(predicted)
    both = Counter(zip(true, predicted, strict=True))
    precision = sum(n * n / by_predicted[group] for (_, group), n in both.items()) / len(true)
    recall = sum(n * n / by_true[group] for (group, _), n in both.items()) / len(true)
    hits = _pairs(both)
    claims = _pairs(by_true) + _pairs(by_predicted)
    return Agreement(
        pairwise_f1=2 * hits / claims if claims else 1.0,
        precision=precision,
        recall=recall,
        bcubed_f1=2 * precision * recall / (precision + recall),
        groups=len(by_predicted),
    )


def _pairs(counts: Counter[Hashable] | Counter[tuple[Hashable, Hashable]]) -> int:
    return sum(n * (n - 1) // 2 for n in counts.values())
