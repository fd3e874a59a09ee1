"""MemoryStore: a Store in memory, for tests, replays and backtests."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from pipeline.domain.store import Changes, Checkpoint


class MemoryStore:
    """Ordered keys per table in plain dicts. Nothing outlives the process."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, bytes]] = {}
        self._keys: dict[str, list[str]] = {}
        self._checkpoint = Checkpoint()

    def get(self, table: str, key: str) -> bytes | None:
        """The bytes under `key`, or None."""
        return self._values.get(table, {}).get(key)

    def scan(self, table: str, start: str, end: str, limit: int = 0) -> Iterable[tuple[str, bytes]]:
        """(key, bytes) with start <= key < end, at most `limit` (0: all)."""
        keys = self._keys.get(table, [])
        first, last = bisect_left(keys, start), bisect_left(keys, end)
        if limit:
            last = min(last, first + limit)
        values = self._values.get(table, {})
        return [(key, values[key]) for key in keys[first:last]]

    def write(self, changes: Changes, checkpoint: Checkpoint) -> None:
        """Apply all changes and the checkpoint."""
        for (table, key), value in changes.items():
            values = self._values.setdefault(table, {})
            keys = self._keys.setdefault(table, [])
            if value is None:
                if values.pop(key, None) is not None:
                    del keys[bisect_left(keys, key)]
            else:
                if key not in values:
                    insort(keys, key)
                values[key] = value
        self._checkpoint = checkpoint

    def checkpoint(self) -> Checkpoint:
        """The last checkpoint written."""
        return self._checkpoint
