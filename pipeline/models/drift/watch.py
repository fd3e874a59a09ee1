"""ADWIN on the errors of one head: River's, with its state as bytes that River itself reads back.

River's Rust object gives its fields as a flat record of numbers (`__getstate__`) and takes them
back; no pickle is written or read. The record's layout belongs to River's version, which is kept
beside it: under another version the window starts anew. Scoring alone never loads River.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from msgspec import Struct

DELTA: Final = 0.002
"""The chance of an alarm without a change, as River has it."""


class WatchState(Struct, frozen=True):
    """A watch as it is kept: `adwin` is River's record, b"" before the first outcome."""

    adwin: bytes = b""
    river: str = ""
    is_alarmed: bool = False


class Watch:
    """Whether the errors of one head come at another rate than before."""

    def __init__(self, state: WatchState | None = None) -> None:
        self._state = state or WatchState()
        self._adwin: Any = None
        self._is_alarmed = self._state.is_alarmed

    def learn(self, error_share: float) -> bool:
        """Take the share of errors in a block of outcomes; whether ADWIN cut its window. After an
        alarm it begins anew, as River's does.
        """
        if self._adwin is None or self._is_alarmed:
            self._begin()
        self._is_alarmed = self._adwin.update(error_share)
        return self._is_alarmed

    @property
    def error_rate(self) -> float:
        """The share of errors in the window, which holds what is like the present."""
        if self._adwin is None:
            self._begin()
        width = self._adwin.get_width()
        return float(self._adwin.get_total() / width) if width else 0.0

    def state(self) -> WatchState:
        """All that it has seen."""
        if self._adwin is None:
            return self._state
        return WatchState(bytes(self._adwin.__getstate__()), version("river"), self._is_alarmed)

    def _begin(self) -> None:
        from river.drift import ADWIN  # noqa: PLC0415 - scoring alone needs no River

        make: Any = ADWIN
        # Behind River's class stands the Rust object that counts; here it is called directly,
        # which saves half of the time, and only it can say its state.
        is_first, self._adwin = self._adwin is None, make(delta=DELTA)._helper  # noqa: SLF001
        is_known = self._state.adwin and self._state.river == version("river")
        if is_first and is_known and not self._is_alarmed:
            self._adwin.__setstate__(self._state.adwin)
