"""The weights: one row per hashed token, one column per label of any head.

Bitwise the same everywhere: sums run over rows one after the other, only +, -, x, / and the square
root are left to numpy (all rounded as IEEE 754 says), exponentials are `math.exp`. Beside the
weights lie AdaGrad's sums of squares (Duchi et al., 2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

RATE: Final = np.float32(0.1)
EPSILON: Final = np.float32(1e-8)
"""Added to each square, so that nothing is divided by zero."""


class Table:
    """`weights` and `squares`, each float32 [rows, columns], zero at first."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.weights: Floats = np.zeros((rows, columns), dtype=np.float32)
        self.squares: Floats = np.zeros((rows, columns), dtype=np.float32)

    def index(self, rows: Sequence[int]) -> Any:
        """Distinct rows as numpy takes them; those that the table does not have are left out."""
        if rows and (min(rows) < 0 or max(rows) >= self.rows):
            rows = [row for row in rows if 0 <= row < self.rows]
        return np.array(rows, dtype=np.intp)

    def logits(self, spoken: Floats) -> list[float]:
        """The log-odds of each column, from the weights of the rows."""
        total: list[float] = np.add.reduce(spoken, axis=0).tolist()
        return total

    def step(self, index: Any, spoken: Floats, slopes: Sequence[float]) -> None:
        """One step of AdaGrad down the slopes of the loss by column; overwrites `spoken`."""
        slope = np.array(slopes, dtype=np.float32)
        square = slope * slope
        square += EPSILON
        slope *= RATE
        found = self.squares.take(index, axis=0)
        found += square
        self.squares[index] = found
        np.sqrt(found, found)
        np.divide(slope, found, found)
        spoken -= found
        self.weights[index] = spoken

    def forget(self, column: int) -> None:
        """Erase one column."""
        self.weights[:, column] = 0.0
        self.squares[:, column] = 0.0
