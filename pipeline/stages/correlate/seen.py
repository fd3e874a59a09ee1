"""Ids taken before: a ring per scope that forgets by age and by number.

Each new id makes room for at most two that are too old, so the ring shrinks back after a burst
without ever being scanned.
"""

from __future__ import annotations

from typing import Final

from pipeline.domain.stage import Table
from pipeline.stages.correlate.tables import RingRow, SeenRow

SEEN_MAX: Final = 100_000
"""Ids remembered per scope; at the limit the oldest is forgotten before its time."""

_LETS_GO: Final = 2


def find(seen: Table[SeenRow], scope: str, text: str, since_ms: int) -> SeenRow | None:
    """The row of an id taken at or after `since_ms`."""
    row = seen.get(f"{scope}/={text}")
    return row if row is not None and row.at_ms >= since_ms else None


def remember(
    seen: Table[SeenRow],
    ring: Table[RingRow],
    scope: str,
    text: str,
    now_ms: int,
    since_ms: int,
    result: str = "",
) -> None:
    """Note that an id was taken now, and let go of the oldest."""
    ends = ring.get(f"{scope}/#") or RingRow()
    first = ends.first
    for _ in range(_LETS_GO):
        if first >= ends.next or not _lets_go(seen, ring, scope, first, ends.next, since_ms):
            break
        first += 1
    seen.put(f"{scope}/={text}", SeenRow(now_ms, ends.next, result))
    ring.put(f"{scope}/#{ends.next}", RingRow(text))
    ring.put(f"{scope}/#", RingRow("", first, ends.next + 1))


def _lets_go(
    seen: Table[SeenRow],
    ring: Table[RingRow],
    scope: str,
    place: int,
    following: int,
    since_ms: int,
) -> bool:
    """Forget the id at a place of the ring, if it is too old or the ring is full."""
    slot = ring.get(f"{scope}/#{place}")
    if slot is not None:
        key = f"{scope}/={slot.text}"
        row = seen.get(key)
        if row is not None and row.place == place:
            if row.at_ms >= since_ms and following - place < SEEN_MAX:
                return False
            seen.delete(key)
    ring.delete(f"{scope}/#{place}")
    return True
