"""MemoryStore: a Store in memory, for tests, replays and backtests."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Final

from pipeline.domain.store import Changes, Checkpoint

LATE_FEW: Final = 64
"""So many new keys are put into their places one by one; more are sorted in as a whole."""


class MemoryStore:
    """Ordered keys per table in plain dicts. Nothing outlives the process."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, bytes]] = {}
        self._keys: dict[str, list[str]] = {}
        self._late: dict[str, set[str]] = {}
        self._checkpoint = Checkpoint()

    def get(self, table: str, key: str) -> bytes | None:
        """The bytes under `key`, or None."""
        return self._values.get(table, {}).get(key)

    def scan(self, table: str, start: str, end: str, limit: int = 0) -> Iterable[tuple[str, bytes]]:
        """(key, bytes) with start <= key < end, at most `limit` (0: all)."""
        keys = self._in_order(table)
        first, last = bisect_left(keys, start), bisect_left(keys, end)
        if limit:
            last = min(last, first + limit)
        values = self._values.get(table, {})
        return [(key, values[key]) for key in keys[first:last]]

    def write(self, changes: Changes, checkpoint: Checkpoint) -> None:
        """Apply all changes and the checkpoint."""
        for (table, key), value in changes.items():
            values = self._values.setdefault(table, {})
            late = self._late.setdefault(table, set())
            if value is not None:
                if key not in values:
                    late.add(key)
                values[key] = value
            elif values.pop(key, None) is not None:
                if key in late:
                    late.remove(key)
                else:
                    keys = self._keys[table]
                    del keys[bisect_left(keys, key)]
        self._checkpoint = checkpoint

    def checkpoint(self) -> Checkpoint:
        """The last checkpoint written."""
        return self._checkpoint

    def _in_order(self, table: str) -> list[str]:
        """The keys of a table. New ones are put in order only when somebody looks: a million of
        them one by one, as a restore brings them, would each move half of the list.
        """
        keys, late = self._keys.setdefault(table, []), self._late.get(table)
        if late:
            if len(late) <= LATE_FEW:
                for key in late:
                    insort(keys, key)
            else:
                keys += late
                keys.sort()
            late.clear()
        return keys
