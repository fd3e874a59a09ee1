"""What a due wake means: a table of cases."""

from __future__ import annotations

import pytest

from pipeline.domain.units import Duration
from pipeline.stages.watch.config import Heartbeat
from pipeline.stages.watch.due import FORGET_MS, LATE_MS_MAX, Turn, decide
from pipeline.stages.watch.tables import Beat

HEARTBEAT = Heartbeat(name="h", match=('a="b"',), within=Duration(60_000))
HERE = Beat((), 1_000_000)
GONE = Beat((), 1_000_000, missing_since_ms=1_060_000)
OVER = Beat((), 1_000_000, is_placeholder=True, is_over=True)


@pytest.mark.parametrize(
    ("beat", "heartbeat", "asked_ms", "now_ms", "turn", "again_ms"),
    [
        (HERE, HEARTBEAT, 1_030_000, 1_030_000, Turn.WAITS, 1_060_000),
        (HERE, HEARTBEAT, 1_060_000, 1_060_000, Turn.MISSING, 1_120_000),
        (HERE, HEARTBEAT, 1_060_000, 1_060_000 + LATE_MS_MAX, Turn.MISSING, 1_130_000),
        (HERE, HEARTBEAT, 1_060_000, 1_060_001 + LATE_MS_MAX, Turn.EXCUSED, 1_130_001),
        (GONE, HEARTBEAT, 1_120_000, 1_120_000, Turn.STAYS, 1_180_000),
        (GONE, HEARTBEAT, 1_120_000, 1_060_000 + FORGET_MS, Turn.OVER, 0),
        (GONE, None, 1_120_000, 1_120_000, Turn.OVER, 0),
        (HERE, None, 1_030_000, 1_030_000, Turn.OVER, 0),
        (OVER, HEARTBEAT, 1_030_000, 1_030_000, Turn.OVER, 0),
    ],
)
def test_decide(
    beat: Beat, heartbeat: Heartbeat | None, asked_ms: int, now_ms: int, turn: Turn, again_ms: int
) -> None:
    assert decide(beat, heartbeat, asked_ms, now_ms) == (turn, again_ms)
