"""The simple detectors that ours is measured beside: each gives every point of a series a score."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

REST_POINTS: Final = 120
WINDOW_POINTS: Final = 288

Rival = Callable[[Sequence[float]], list[float]]


def sigmas(values: Sequence[float]) -> list[float]:
    """The simple rule: standard deviations from the mean of the 288 points before."""
    window: deque[float] = deque(maxlen=WINDOW_POINTS)
    total = squares = 0.0
    made = []
    for value in values:
        count = max(len(window), 1)
        spread = math.sqrt(max(squares / count - (total / count) ** 2, 1e-12))
        made.append(abs(value - total / count) / spread if len(window) == WINDOW_POINTS else 0.0)
        if len(window) == WINDOW_POINTS:
            total -= window[0]
            squares -= window[0] ** 2
        window.append(value)
        total += value
        squares += value**2
    return made


def gaussian(values: Sequence[float]) -> list[float]:
    """River's GaussianScorer over all points before."""
    from river.anomaly import GaussianScorer

    make: Any = GaussianScorer
    scorer = make()
    made = []
    for value in values:
        made.append(float(scorer.score_one(None, value)))
        scorer.learn_one(None, value)
    return made


def debounced(scores: Sequence[float]) -> list[float]:
    """Only scores above every one that was let through in the last 120 points; else 0."""
    passed: deque[tuple[int, float]] = deque()
    made = [0.0] * len(scores)
    for index, score in enumerate(scores):
        while passed and passed[0][0] < index - REST_POINTS:
            passed.popleft()
        if score > (passed[0][1] if passed else 0.0):
            passed.clear()
            passed.append((index, score))
            made[index] = score
    return made
