"""How series are kept: as msgpack under the version of the algorithm and its setting.

`RecordDetector` is what stages are given; who has one series at hand, as a file, calls `readings`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final

import msgspec

from pipeline.domain.series import KeptSeries, Reading
from pipeline.models.anomaly.alarm import Setting
from pipeline.models.anomaly.series import Series, SeriesState

ALGORITHM: Final = "records-2"
"""Rises whenever the same points would be judged otherwise or are kept otherwise."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(SeriesState).decode


class RecordDetector:
    """A `domain.series.SeriesDetector`: O(1) time and at most KEPT_BYTES_MAX per series."""

    def __init__(self, setting: Setting | None = None) -> None:
        self._setting = setting or Setting()
        digest = blake2b(_encode(self._setting), digest_size=4).hexdigest()
        self._version = f"{ALGORITHM}-{digest}"

    @property
    def version(self) -> str:
        return self._version

    def observe(
        self, kept: KeptSeries | None, at_ms: int, value: float
    ) -> tuple[KeptSeries, Reading]:
        """The next point of a series; what can not be read begins anew."""
        kept, (reading,) = self.observe_all(kept, ((at_ms, value),))
        return kept, reading

    def observe_all(
        self, kept: KeptSeries | None, points: Iterable[tuple[int, float]]
    ) -> tuple[KeptSeries, tuple[Reading, ...]]:
        """Several points: to unpack and to pack costs twice what one point does."""
        series = self._unpacked(kept)
        readings = tuple(series.observe(at_ms, value) for at_ms, value in points)
        return KeptSeries(self._version, _encode(series.state())), readings

    def _unpacked(self, kept: KeptSeries | None) -> Series:
        series = Series(self._setting)
        if kept is None or kept.version != self._version:
            return series
        try:
            series.restore(_decode(kept.packed))
        except (msgspec.DecodeError, ValueError):
            return Series(self._setting)
        return series


def readings(
    points: Iterable[tuple[int, float]], setting: Setting | None = None
) -> Iterator[Reading]:
    """What is said of each point (Unix milliseconds, value) of one series, in their order."""
    series = Series(setting)
    for at_ms, value in points:
        yield series.observe(at_ms, value)
