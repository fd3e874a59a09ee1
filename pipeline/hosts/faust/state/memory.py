"""ChangelogMemory: the state of one task in memory, built anew from its changelog at each start.

For `store: memory`. Order is made only when somebody scans: a restore of a million keys, and a
table that is only ever read by key, do without it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from pipeline.domain.store import Changes, Checkpoint
from pipeline.hosts.faust.state.changelog import split_key

ONE_BY_ONE_MAX: Final = 32
"""Up to so many new keys are put into their places; more are sorted together."""


class _Table:
    """The rows of one table. `moved` are the keys that came or went since `keys` was in order."""

    __slots__ = ("keys", "moved", "values")

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.keys: list[str] = []
        self.moved: set[str] = set()

    def ordered(self) -> list[str]:
        """All keys in order."""
        moved, values, keys = self.moved, self.values, self.keys
        if len(moved) > ONE_BY_ONE_MAX:
            keys = [key for key in keys if key not in moved]
            keys += [key for key in moved if key in values]
            keys.sort()
        else:
            for key in moved:
                at = bisect_left(keys, key)
                is_there = at < len(keys) and keys[at] == key
                if key in values and not is_there:
                    keys.insert(at, key)
                elif is_there and key not in values:
                    del keys[at]
        self.keys, self.moved = keys, set()
        return keys


class ChangelogMemory:
    """A Store (domain.store) with a position in its changelog, as RocksStore has it."""

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self._tables: defaultdict[str, _Table] = defaultdict(_Table)
        self._checkpoint = Checkpoint()

    def get(self, table: str, key: str) -> bytes | None:
        """The bytes under `key`, or None."""
        return self._tables[table].values.get(key)

    def scan(self, table: str, start: str, end: str, limit: int = 0) -> Iterable[tuple[str, bytes]]:
        """(key, bytes) with start <= key < end by key, at most `limit` (0: all)."""
        rows = self._tables[table]
        keys = rows.ordered()
        first, last = bisect_left(keys, start), bisect_left(keys, end)
        if limit:
            last = min(last, first + limit)
        return [(key, rows.values[key]) for key in keys[first:last]]

    def write(self, changes: Changes, checkpoint: Checkpoint) -> None:
        """Apply all changes and the checkpoint; the position stays."""
        self.write_at(changes, checkpoint, self.position)

    def write_at(self, changes: Changes, checkpoint: Checkpoint, position: int) -> None:
        """Apply an epoch that is committed, whose changelog ends before `position`."""
        for (table, key), value in changes.items():
            self._set(self._tables[table], key, value)
        self._checkpoint, self.position = checkpoint, position

    def load(
        self,
        latest: Mapping[bytes, bytes | None],
        checkpoint: Checkpoint,
        position: int,
        written_at_ms: int,
    ) -> None:
        """Apply a stretch of the changelog that ends before `position`: the last value per
        record key.
        """
        tables: dict[bytes, _Table] = {}
        for raw, value in latest.items():
            prefix, _, key = raw.partition(b"\0")
            table = tables.get(prefix)
            if table is None:
                table = tables[prefix] = self._tables[split_key(raw)[0]]
            self._set(table, key.decode(), value)
        self._checkpoint, self.position = checkpoint, position

    def touch(self, now_ms: int) -> None:
        """What is in memory does not outlive the process, so its age does not matter."""

    def checkpoint(self) -> Checkpoint:
        """The last checkpoint written; a fresh one where there is none."""
        return self._checkpoint

    def close(self) -> None:
        """Nothing is held."""

    @staticmethod
    def _set(table: _Table, key: str, value: bytes | None) -> None:
        if value is not None:
            if key not in table.values:
                table.moved.add(key)
            table.values[key] = value
        elif table.values.pop(key, None) is not None:
            table.moved.add(key)
