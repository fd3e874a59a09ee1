"""What a due wake of a heartbeat means: missing, too early to say, over, or forgotten."""

from __future__ import annotations

from enum import Enum
from typing import Final

from pipeline.stages.watch.config import Heartbeat
from pipeline.stages.watch.tables import Beat

FORGET_MS: Final = 7 * 86_400_000
"""A heartbeat missing for so long is no longer expected: its sender was taken down."""

LATE_MS_MAX: Final = 10_000
"""A wake later than this says that nobody was looking: what came meanwhile is yet to be read."""


class Turn(Enum):
    """What becomes of one heartbeat at its wake."""

    WAITS = "waits"
    EXCUSED = "excused"
    MISSING = "missing"
    STAYS = "stays"
    OVER = "over"


def decide(beat: Beat, heartbeat: Heartbeat | None, asked_ms: int, now_ms: int) -> tuple[Turn, int]:
    """(turn, when to look again; 0: never). `asked_ms` is the instant the wake was asked for,
    `heartbeat` None where topology.yaml no longer declares it.
    """
    if heartbeat is None or beat.is_over:
        return Turn.OVER, 0
    within_ms = int(heartbeat.within)
    if beat.missing_since_ms:
        if now_ms >= beat.missing_since_ms + FORGET_MS:
            return Turn.OVER, 0
        return Turn.STAYS, now_ms + within_ms
    due_ms = beat.since_ms + within_ms
    if now_ms < due_ms:
        return Turn.WAITS, due_ms
    if now_ms - asked_ms > LATE_MS_MAX:
        return Turn.EXCUSED, now_ms + within_ms
    return Turn.MISSING, now_ms + within_ms
