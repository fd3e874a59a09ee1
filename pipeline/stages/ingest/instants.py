"""Instants: Unix milliseconds from what producers write for a time."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from pipeline.stages.ingest.draft import INSTANT_MAX_MS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_SCALES: Final = ((1e11, 1e3), (1e14, 1.0), (1e17, 1e-3), (1e20, 1e-6))
"""(below this, milliseconds per unit): as seconds, 1e11 would lie past the year 5000."""


def instant_ms(given_ms: int, given: datetime | None) -> int:
    """An instant in Unix milliseconds, 0 where there is none: also for Go's zero time, the
    year 1, which Alertmanager writes for an end that is still open.
    """
    if given_ms or given is None:
        return given_ms
    aware = given if given.tzinfo else given.replace(tzinfo=UTC)
    return min(max(0, (aware - _EPOCH) // _MS), INSTANT_MAX_MS)


def instant_of(value: Any) -> int | None:
    """Unix milliseconds of RFC 3339 or of a number of s, ms, µs or ns; None where it is none."""
    number = number_of(value)
    if number is None:
        try:
            return instant_ms(0, msgspec.convert(value, datetime))
        except msgspec.ValidationError:
            return None
    for limit, factor in _SCALES:
        if number < limit:
            return min(max(0, int(number * factor)), INSTANT_MAX_MS)
    return None


def number_of(value: Any) -> float | None:
    """A finite number, also one written as text; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None
