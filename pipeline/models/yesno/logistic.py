"""A yes-or-no model over few active features of many: logistic regression by AdaGrad.

Plain floats and math.exp in the order given, so that the same examples in the same order make the
same bits on every machine. A feature is a row and its value; state is two floats per row.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Final

from pipeline.domain.model import SnapshotError

SCORE_MAX: Final = 30.0
"""Log-odds beyond this are cut: further ones are the same to a double."""

SQUARE_FROM: Final = 0.1
"""Squares begin here, so that the first example of a row does not outweigh all that follow."""

_FLOAT_BYTES: Final = 8


class Logistic:
    """`rows_count` weights, each with the sum of its squared gradients."""

    def __init__(self, rows_count: int, rate: float, *, bias: float = 0.0) -> None:
        self._rate = rate
        self._weights = array("d", bytes(_FLOAT_BYTES * rows_count))
        self._squares = array("d", bytes(_FLOAT_BYTES * rows_count))
        self._weights[0] = bias

    def chance(self, rows: Sequence[int], values: Sequence[float]) -> float:
        """The chance of yes, 0 to 1; changes nothing."""
        weights = self._weights
        score = 0.0
        for row, value in zip(rows, values, strict=True):
            score += weights[row] * value
        return 1.0 / (1.0 + math.exp(-max(-SCORE_MAX, min(SCORE_MAX, score))))

    def learn(
        self, rows: Sequence[int], values: Sequence[float], weight: float, *, is_yes: bool
    ) -> None:
        """Learn what turned out; an example of weight 2 counts as two."""
        slope = weight * (self.chance(rows, values) - is_yes)
        weights, squares, rate = self._weights, self._squares, self._rate
        for row, value in zip(rows, values, strict=True):
            gradient = slope * value
            square = squares[row] + gradient * gradient
            squares[row] = square
            weights[row] -= rate * gradient / math.sqrt(SQUARE_FROM + square)

    def weight_of(self, row: int) -> float:
        """The log-odds that one unit of a row adds."""
        return self._weights[row]

    def packed(self) -> list[tuple[int, float, float]]:
        """Every row that is not zero, with its weight and its square."""
        return [
            (row, weight, square)
            for row, (weight, square) in enumerate(zip(self._weights, self._squares, strict=True))
            if weight or square
        ]

    def unpack(self, packed: Sequence[tuple[int, float, float]]) -> None:
        """Take over what `packed` gave. Raises SnapshotError: `content` where it does not fit."""
        count = len(self._weights)
        if any(
            not 0 <= row < count or not math.isfinite(weight) or not 0 <= square < math.inf
            for row, weight, square in packed
        ):
            raise SnapshotError("content", "the snapshot holds weights that can not be")
        self._weights = array("d", bytes(_FLOAT_BYTES * count))
        self._squares = array("d", bytes(_FLOAT_BYTES * count))
        for row, weight, square in packed:
            self._weights[row], self._squares[row] = weight, square
