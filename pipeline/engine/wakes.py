"""Wakes: timers as rows, so that they are committed, moved and restored with their task.

Two tables: `wakes` is ordered by (at, stage, key) and says what is due; `wake-of` finds the one
wish of a (stage, key), since a later wish replaces it. A wake keeps the tenant of the event that
asked for it: what it leads to is that tenant's as well.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.domain.record import DEFAULT_TENANT
from pipeline.domain.store import Store
from pipeline.engine.tables import Overlay, raw_overlay

WAKES_PER_EPOCH_MAX: Final = 1_000
"""At most so many wakes run in one epoch; the rest is due in the next."""

BY_TIME: Final = "wakes"
BY_NAME: Final = "wake-of"
"""The two tables: `<at>/<stage>/<key>` → tenant, `<stage>/<key>` → at."""

NEVER: Final = 2**62
_AT_DIGITS: Final = 15


class Due(Struct, frozen=True):
    """One wake that is due."""

    at_ms: int
    stage: str
    key: str
    tenant: str = DEFAULT_TENANT


class Wakes:
    """The timers of one task. Stage names hold no slash; keys may."""

    def __init__(self, store: Store) -> None:
        self._by_time: Overlay[bytes] = raw_overlay(BY_TIME, store)
        self._by_name: Overlay[bytes] = raw_overlay(BY_NAME, store)
        self.next_due_ms = 0
        self._is_stale = True
        self.tables = (self._by_time, self._by_name)
        self.refresh()

    def set(self, stage: str, key: str, at_ms: int, tenant: str = DEFAULT_TENANT) -> None:
        """Wish to be woken at `at_ms` for a tenant; 0 takes the wish back."""
        name = f"{stage}/{key}"
        before = self._by_name.get(name)
        if before is not None:
            if at_ms and int(before) == at_ms:
                return
            self._by_time.delete(f"{before.decode()}/{name}")
        if at_ms <= 0:
            self._by_name.delete(name)
            return
        at = f"{at_ms:0{_AT_DIGITS}d}"
        self._by_name.put(name, at.encode())
        self._by_time.put(f"{at}/{name}", tenant.encode())
        self.next_due_ms = min(self.next_due_ms, at_ms)

    def due(self, now_ms: int) -> list[Due]:
        """What is due, in the order (at, stage, key), at most WAKES_PER_EPOCH_MAX."""
        if now_ms < self.next_due_ms:
            return []
        self._is_stale = True
        end = f"{now_ms + 1:0{_AT_DIGITS}d}"
        rows = self._by_time.range("", end, WAKES_PER_EPOCH_MAX)
        return [_due(row, tenant) for row, tenant in rows]

    def take(self, due: Due) -> bool:
        """Remove a due wake before it runs; False where it was replaced meanwhile."""
        name = f"{due.stage}/{due.key}"
        at = f"{due.at_ms:0{_AT_DIGITS}d}"
        if self._by_name.get(name) != at.encode():
            return False
        self._by_name.delete(name)
        self._by_time.delete(f"{at}/{name}")
        return True

    def committed(self) -> None:
        """The epoch is committed; wakes that ran no longer say when the next is due."""
        if self._is_stale:
            self.refresh()

    def refresh(self) -> None:
        """Find out anew when the next wake is due; NEVER where there is none."""
        self._is_stale = False
        first = next(iter(self._by_time.range("", "\U0010ffff", 1)), None)
        self.next_due_ms = _due(*first).at_ms if first else NEVER


def named(table: str, row: str) -> tuple[str, str]:
    """(stage, key) of the timer that a row of one of the two tables stands for."""
    name = row.partition("/")[2] if table == BY_TIME else row
    stage, _, key = name.partition("/")
    return stage, key


def _due(row: str, tenant: bytes) -> Due:
    at, stage, key = row.split("/", 2)
    return Due(int(at), stage, key, tenant.decode())
