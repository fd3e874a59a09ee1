"""Ids taken before: a ring per scope that forgets by age and by number.

A wake lets go of what is too old; at SEEN_MAX the oldest goes before its time. Neither scans.
"""

from __future__ import annotations

from typing import Final

from pipeline.domain.stage import Context
from pipeline.stages.correlate import wakes
from pipeline.stages.correlate.tables import RING, SEEN, RingRow, SeenRow

SEEN_MAX: Final = 100_000
"""Ids remembered per scope; at the limit the oldest is forgotten before its time."""

SWEPT_MAX: Final = 1_000
"""Ids forgotten by one wake; the rest by the next."""


class Seen:
    """The ids of one scope, each known for `keep_ms`."""

    __slots__ = ("_ctx", "_keep_ms", "_ring", "_scope", "_seen")

    def __init__(self, scope: str, ctx: Context, keep_ms: int) -> None:
        self._scope = scope
        self._ctx = ctx
        self._keep_ms = keep_ms
        self._seen = ctx.table(SEEN)
        self._ring = ctx.table(RING)

    def find(self, text: str) -> SeenRow | None:
        """The row of an id, if it was taken lately enough."""
        row = self._seen.get(f"{self._scope}/={text}")
        is_known = row is not None and self._ctx.now_ms <= row.at_ms + self._keep_ms
        return row if is_known else None

    def remember(self, text: str, result: str = "") -> None:
        """Note that an id was taken now, and what came of it."""
        now_ms = self._ctx.now_ms
        ends = self._ring.get(f"{self._scope}/#") or RingRow()
        first = ends.first
        if ends.next - first >= SEEN_MAX:
            self._let_go(first)
            first += 1
        if ends.next == ends.first:
            self._wake_at(now_ms + self._keep_ms + 1)
        self._seen.put(f"{self._scope}/={text}", SeenRow(now_ms, ends.next, result))
        self._ring.put(f"{self._scope}/#{ends.next}", RingRow(text))
        self._ring.put(f"{self._scope}/#", RingRow("", first, ends.next + 1))

    def sweep(self) -> None:
        """Forget what is too old; ask to be woken for the rest."""
        ends = self._ring.get(f"{self._scope}/#") or RingRow()
        last = min(ends.next, ends.first + SWEPT_MAX)
        first = ends.first
        while first < last and self._is_old(first):
            self._let_go(first)
            first += 1
        if first == ends.next:
            self._ring.delete(f"{self._scope}/#")
            return
        self._ring.put(f"{self._scope}/#", RingRow("", first, ends.next))
        row = self._row_at(first)
        due = row.at_ms + self._keep_ms if row else 0
        self._wake_at(max(due, self._ctx.now_ms) + 1)

    def _row_at(self, place: int) -> SeenRow | None:
        """The row of the id at a place; None where the id was taken again since."""
        slot = self._ring.get(f"{self._scope}/#{place}")
        row = self._seen.get(f"{self._scope}/={slot.text}") if slot else None
        return row if row is not None and row.place == place else None

    def _is_old(self, place: int) -> bool:
        row = self._row_at(place)
        return row is None or self._ctx.now_ms > row.at_ms + self._keep_ms

    def _let_go(self, place: int) -> None:
        slot = self._ring.get(f"{self._scope}/#{place}")
        if slot is not None and self._row_at(place) is not None:
            self._seen.delete(f"{self._scope}/={slot.text}")
        self._ring.delete(f"{self._scope}/#{place}")

    def _wake_at(self, at_ms: int) -> None:
        self._ctx.wake_at(wakes.name(wakes.SEEN, f"{self._scope}/"), at_ms)
