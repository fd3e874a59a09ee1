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

    def learn(self, is_error: bool) -> bool:  # noqa: FBT001 - the one thing it takes, on a hot path
        """Take an outcome; whether ADWIN cut its window."""
        adwin = self._adwin
        if adwin is None:
            adwin = self._loaded()
        adwin.update(is_error)
        return bool(adwin._drift_detected)  # noqa: SLF001 - what its property says, at a third

    @property
    def error_rate(self) -> float:
        """The share of errors in the window, which holds what is like the present."""
        return float((self._adwin or self._loaded()).estimation)

    def state(self) -> WatchState:
        """All that it has seen."""
        if self._adwin is None:
            return self._state
        return WatchState(
            bytes(self._adwin._helper.__getstate__()),  # noqa: SLF001 - the only way to its state
            version("river"),
            bool(self._adwin.drift_detected),
        )

    def _loaded(self) -> Any:
        from river.drift import ADWIN  # noqa: PLC0415 - scoring alone needs no River

        make: Any = ADWIN
        adwin = self._adwin = make(delta=DELTA)
        if self._state.adwin and self._state.river == version("river"):
            adwin._helper.__setstate__(self._state.adwin)  # noqa: SLF001 - see state()
            adwin._drift_detected = self._state.is_alarmed  # noqa: SLF001 - it clears at the next
        return adwin
