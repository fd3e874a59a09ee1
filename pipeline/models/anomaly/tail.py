"""Tail: how far out a residual lies on the tail of its own series (peaks over a threshold).

What exceeds a high quantile is about exponential, whatever the distribution (Pickands 1975), so
its mean says how far is far. The quantile follows by small steps, the mean of the excesses by
memory: a series with wild peaks has a long tail, and its next peak says little.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

PEAKS_SHARE: Final = 0.02
"""Of the points lie above the threshold."""

FIRST_POINTS: Final = 100
STEP_MIN: Final = 0.02
"""Of the mean size, by which the threshold moves when all has been seen; at first more."""

SIZE_MEMORY: Final = 1 / 2_000
PEAK_MEMORY: Final = 1 / 100
"""Weights of the newest residual in the mean size, and of the newest peak in the mean excess."""

SURE_PEAKS: Final = 20
CLIP: Final = 10.0
"""After SURE_PEAKS an excess teaches no more than so many mean ones."""

USUAL: Final = 4.0
FAR_MAX: Final = 10.0
COUNT_MAX: Final = 1_000_000


class TailState(Struct, frozen=True, array_like=True):
    """A tail as it is kept."""

    count: int
    peaks: int
    size: float
    threshold: float
    excess: float


class Tail:
    """The tail of one residual on both sides; O(1) per point, five numbers of state."""

    __slots__ = ("_count", "_excess", "_peaks", "_size", "_threshold")

    def __init__(self) -> None:
        self._count = self._peaks = 0
        self._size = self._threshold = self._excess = 0.0

    @property
    def size(self) -> float:
        """The mean size of the residuals."""
        return self._size

    def far(self, residual: float) -> float:
        """By how many mean excesses the residual is further out than USUAL of them: 0 to FAR_MAX.
        An exponential tail is beyond USUAL with one peak in 55.
        """
        size = abs(residual)
        if self._count == 0:
            self._size = self._threshold = size
        self._count = min(self._count + 1, COUNT_MAX)
        beyond = size - self._threshold
        step = self._size * max(STEP_MIN, 2.0 / (self._count + 9))
        found = 0.0
        if beyond > 0.0:
            found = self._peak(beyond)
            self._threshold += step * (1.0 - PEAKS_SHARE)
        else:
            self._threshold -= step * PEAKS_SHARE
        self._size += max(1.0 / self._count, SIZE_MEMORY) * (size - self._size)
        return found

    def _peak(self, beyond: float) -> float:
        excess = self._excess
        is_known = self._count > FIRST_POINTS and excess > 0.0
        found = 0.0
        if is_known and beyond > USUAL * excess:
            limit = (USUAL + FAR_MAX) * excess
            found = beyond / excess - USUAL if beyond < limit else FAR_MAX
        self._peaks = min(self._peaks + 1, COUNT_MAX)
        if self._peaks > SURE_PEAKS:
            beyond = min(beyond, CLIP * excess)
        self._excess += max(1.0 / self._peaks, PEAK_MEMORY) * (beyond - excess)
        return found

    def state(self) -> TailState:
        """What `restore` takes back."""
        return TailState(self._count, self._peaks, self._size, self._threshold, self._excess)

    def restore(self, state: TailState) -> None:
        """Be what that state was of."""
        self._count, self._peaks, self._size = state.count, state.peaks, state.size
        self._threshold, self._excess = state.threshold, state.excess
