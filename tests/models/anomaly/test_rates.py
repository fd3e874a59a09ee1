"""Alert rates through the detector, kept as a stage keeps them."""

from __future__ import annotations

import random

import msgspec

from pipeline.domain.rate import counted
from pipeline.domain.series import KeptSeries
from pipeline.models.anomaly.kept import RecordDetector

MINUTE = 60_000


def alarms(burst_at: int, burst: int) -> list[int]:
    """Minutes that were unusual, of an alert every 20 minutes and one burst."""
    dice, detector = random.Random(2), RecordDetector()
    instants = sorted(
        [dice.randrange(3000 * MINUTE) for _ in range(150)]
        + [burst_at * MINUTE + each for each in range(burst)]
        + [3000 * MINUTE]
    )
    window, kept, said = None, None, []
    for at_ms in instants:
        window, points = counted(window, at_ms, MINUTE)
        kept, readings = detector.observe_all(kept, points)
        kept = msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=KeptSeries)
        said += [each.at_ms // MINUTE for each in readings if each.is_anomaly]
    return said


def test_a_burst_of_alerts_is_found_and_a_usual_rate_is_not() -> None:
    assert alarms(2500, burst=0) == []
    assert alarms(2500, burst=25) == [2500]
