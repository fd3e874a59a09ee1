"""Series: one measured thing over time, what a detector says of a point, and how it is kept.

A stage keeps a `KeptSeries` in its own table under the key of the series and knows detectors by
this protocol only. A detector is deterministic: the same points in the same order make the same
bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from msgspec import Struct

from pipeline.domain.alert import NAN

VIEWS_MAX: Final = 3
"""A reading names so many views at most, the one that said most first."""


class KeptSeries(Struct, frozen=True, array_like=True):
    """All that is known of one series, in at most KEPT_BYTES_MAX bytes however long it has run.

    `version` is the detector's that packed it: another one begins the series anew.
    """

    version: str
    packed: bytes


KEPT_BYTES_MAX: Final = 8_192


class Reading(Struct, frozen=True, kw_only=True):
    """What a detector says of one point.

    `expected` is what was usual at this time, `low` and `high` the band around it, in the unit
    of the value; NaN while the series is still being learned (`is_learned`). `strength` is how
    far the point goes beyond all that was seen, 0 where it does not; `is_anomaly` says that it is
    stronger than this series' own threshold and not the tail of the last anomaly. `views` name
    what is unusual: `level` or `residual` with the points they are taken over, or `spread`.
    """

    at_ms: int
    value: float
    is_learned: bool = False
    is_anomaly: bool = False
    strength: float = 0.0
    expected: float = NAN
    low: float = NAN
    high: float = NAN
    views: tuple[str, ...] = ()


class SeriesDetector(Protocol):
    """Tells what is unusual in any number of series, each known by what is kept of it."""

    @property
    def version(self) -> str:
        """Changes whenever the same points would be judged otherwise."""
        ...

    def observe(
        self, kept: KeptSeries | None, at_ms: int, value: float
    ) -> tuple[KeptSeries, Reading]:
        """The next point of a series; None begins it. Never raises: a value that is no number
        is passed over, what is kept by another version or is broken begins anew, and a clock
        that jumps moves the hour of the day, nothing else.
        """
        ...

    def observe_all(
        self, kept: KeptSeries | None, points: Iterable[tuple[int, float]]
    ) -> tuple[KeptSeries, tuple[Reading, ...]]:
        """Several points (Unix milliseconds, value) in their order, kept once."""
        ...
