"""Overlay tables: this epoch's changes on top of a Store that holds only what is committed.

Values are frozen, so a decoded value can be shared: reads go to the epoch's changes, then to a
bounded cache of committed values, then to the store. With a savepoint open, each change first
notes what it replaces, so that one event can be taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from pipeline.codec import StateCodec
from pipeline.domain.errors import Oversize, UsageError
from pipeline.domain.stage import TableSpec
from pipeline.domain.store import Store

T = TypeVar("T")

CACHE_MAX: Final = 100_000
"""Committed values kept decoded per table; at the limit the older half is dropped."""

ROW_BYTES_MAX: Final = 8_000_000
"""The largest row: a changelog topic takes no larger record (topology.desired)."""

LAST: Final = "\U0010ffff"
SURROGATES: Final = range(0xD800, 0xE000)
MISSING: Final[Any] = object()
Undo = list[tuple["Overlay[Any]", str, Any]]


class Overlay(Generic[T]):
    """One table of one task: `get`, `put`, `delete`, `scan` as in domain.stage.Table."""

    def __init__(
        self,
        name: str,
        store: Store,
        encode: Callable[[T], bytes],
        decode: Callable[[bytes], T],
    ) -> None:
        self.name = name
        self.dirty: dict[str, T | None] = {}
        self.undo: Undo | None = None
        self._store = store
        self._encode = encode
        self._decode = decode
        self._cache: dict[str, T] = {}

    def get(self, key: str) -> T | None:
        """The value under `key`, or None."""
        value: T | None = self.dirty.get(key, MISSING)
        if value is not MISSING:
            return value
        value = self._cache.get(key)
        if value is None:
            raw = self._store.get(self.name, key)
            if raw is not None:
                value = self._cache[key] = self._decode(raw)
        return value

    def put(self, key: str, value: T) -> None:
        """Set the value under `key`."""
        if self.undo is not None:
            self.undo.append((self, key, self.dirty.get(key, MISSING)))
        self.dirty[key] = value

    def delete(self, key: str) -> None:
        """Remove `key`."""
        if self.get(key) is not None:
            if self.undo is not None:
                self.undo.append((self, key, self.dirty.get(key, MISSING)))
            self.dirty[key] = None

    def scan(self, prefix: str) -> Iterator[tuple[str, T]]:
        """All (key, value) whose key starts with `prefix`, by key."""
        return self.range(prefix, _after(prefix))

    def range(self, start: str, end: str, limit: int = 0) -> Iterator[tuple[str, T]]:
        """(key, value) with start <= key < end by key, at most `limit` (0: all)."""
        changed = sorted(key for key in self.dirty if start <= key < end)
        # The store may give up to len(changed) rows that this epoch deleted or replaced.
        more = limit + len(changed) if limit else 0
        stored = iter(self._store.scan(self.name, start, end, more))
        return islice(self._merge(changed, stored), limit or None)

    def _merge(
        self, changed: list[str], stored: Iterator[tuple[str, bytes]]
    ) -> Iterator[tuple[str, T]]:
        position = 0
        for key, raw in stored:
            while position < len(changed) and changed[position] < key:
                value = self.dirty[changed[position]]
                if value is not None:
                    yield changed[position], value
                position += 1
            if position < len(changed) and changed[position] == key:
                value = self.dirty[key]
                position += 1
                if value is not None:
                    yield key, value
                continue
            known = self._cache.get(key)
            yield key, known if known is not None else self._decode(raw)
        for key in changed[position:]:
            value = self.dirty[key]
            if value is not None:
                yield key, value

    def changes(self, into: dict[tuple[str, str], bytes | None]) -> None:
        """Add one entry per dirty key: a thousand updates of one key are one write.

        Raises Oversize for a row that a changelog would not take.
        """
        name, encode = self.name, self._encode
        for key, value in self.dirty.items():
            raw = None if value is None else encode(value)
            if raw is not None and len(raw) > ROW_BYTES_MAX:
                raise Oversize(f"table {name}", len(raw), ROW_BYTES_MAX)
            into[name, key] = raw

    def check(self, key: str) -> None:
        """Encode one changed row for a trial. Raises what `changes` would raise for it."""
        value = self.dirty.get(key)
        if value is not None and (size := len(self._encode(value))) > ROW_BYTES_MAX:
            raise Oversize(f"table {self.name}", size, ROW_BYTES_MAX)

    def committed(self) -> None:
        """The epoch's changes are in the store now."""
        for key, value in self.dirty.items():
            if value is None:
                self._cache.pop(key, None)
            else:
                self._cache[key] = value
        self.dirty = {}
        if len(self._cache) > CACHE_MAX:
            for key in list(self._cache)[: len(self._cache) // 2]:
                del self._cache[key]

    def rollback(self) -> None:
        """Forget the epoch's changes."""
        self.dirty = {}


def _after(prefix: str) -> str:
    """The first key after all that start with `prefix`."""
    cut = prefix.rstrip(LAST)
    if not cut:
        return LAST * 1_000  # no key of ours is longer
    following = ord(cut[-1]) + 1
    if following == SURROGATES.start:  # which no key may hold
        following = SURROGATES.stop
    return cut[:-1] + chr(following)


class Reader(Generic[T]):
    """A table as stages that do not own it see it."""

    def __init__(self, table: Overlay[T]) -> None:
        self.get = table.get
        self.scan = table.scan
        self._name = table.name

    def put(self, key: str, value: T) -> None:
        """Raises UsageError: only its owner writes a table."""
        raise UsageError(f"the table {self._name!r} belongs to another stage")

    def delete(self, key: str) -> None:
        """Raises UsageError: only its owner writes a table."""
        raise UsageError(f"the table {self._name!r} belongs to another stage")


def take_back(undo: Undo) -> None:
    """Undo what was noted since the savepoint, last change first."""
    for table, key, before in reversed(undo):
        if before is MISSING:
            table.dirty.pop(key, None)
        else:
            table.dirty[key] = before


def overlay(spec: TableSpec[Any], store: Store) -> Overlay[Any]:
    """The overlay of a declared table, with its versioned msgpack."""
    codec = StateCodec(spec)
    return Overlay(spec.name, store, codec.encode, codec.decode)


def raw_overlay(name: str, store: Store) -> Overlay[bytes]:
    """The overlay of a table of the engine's own, whose values are bytes as they are."""
    return Overlay(name, store, bytes, bytes)
