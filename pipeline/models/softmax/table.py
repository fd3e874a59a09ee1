"""The weights: one row per hashed token, one column per label of any head.

Bitwise the same everywhere: sums run over rows one after the other, only +, -, x, / and the square
root are left to numpy (all rounded as IEEE 754 says), exponentials are `math.exp`. Beside the
weights lie AdaGrad's sums of squares (Duchi et al., 2011), with a floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

FLOOR: Final = np.float32(0.03)
"""Added to the square of the slope of each label. AdaGrad takes a full step at a first surprise,
and a surprise at what was long certain is often a wrong label; with a floor a row's steps shrink
with its use, too. It halves the distance to the ceiling on the synthetic stream (team, .86 to .42
points; the best rate of each).
"""

_NOTHING: Final = np.float32(1e-8)
"""Added in the columns of no label, so that nothing is divided by zero."""


class Table:
    """`weights` and `squares`, each float32 [rows, columns], zero at first; `rates` are the
    lengths of a first step, by column.
    """

    def __init__(self, rows: int, rates: Sequence[float]) -> None:
        self.rows, self.columns = rows, len(rates)
        self.rates: Floats = np.array(rates, dtype=np.float32)
        columns = self.columns
        # Twice as fast as an array of a list.
        self._pack = Struct(f"{columns}f").pack
        self.weights: Floats = np.zeros((rows, columns), dtype=np.float32)
        self.squares: Floats = np.zeros((rows, columns), dtype=np.float32)
        # The same memory with a row as one piece: numpy copies those twice as fast.
        self._row = np.dtype((np.void, 4 * columns))
        self._weights = self.weights.view(self._row).ravel()
        self._squares = self.squares.view(self._row).ravel()

    def gather(self, rows: Sequence[int]) -> tuple[Any, Floats]:
        """Rows as numpy takes them, and their weights, [rows, columns]. Rows are distinct and
        ascending; those that the table does not have are left out.
        """
        if rows and (rows[0] < 0 or rows[-1] >= self.rows):
            rows = [row for row in rows if 0 <= row < self.rows]
        index = np.fromiter(rows, np.intp, len(rows))
        return index, self.weights.take(index, axis=0)

    def floor(self, columns: Sequence[int]) -> Floats:
        """FLOOR in these columns; next to nothing in the others."""
        found = np.full(self.columns, _NOTHING, dtype=np.float32)
        found[list(columns)] = FLOOR
        return found

    def step(self, index: Any, spoken: Floats, slopes: Sequence[float], floor: Floats) -> None:
        """One step of AdaGrad down the slopes of the loss by column; overwrites `spoken`."""
        slope = np.frombuffer(self._pack(*slopes), dtype=np.float32)
        square = slope * slope
        square += floor
        slope = slope * self.rates
        found = self.squares.take(index, axis=0)
        found += square
        self._squares[index] = found.view(self._row).ravel()
        np.sqrt(found, found)
        np.divide(slope, found, found)
        spoken -= found
        self._weights[index] = spoken.view(self._row).ravel()

    def forget(self, column: int) -> None:
        """Erase one column."""
        # Pages that were never written take no memory, and writing zeros would change that.
        used = np.flatnonzero(self.squares[:, column])
        self.weights[used, column] = 0.0
        self.squares[used, column] = 0.0
