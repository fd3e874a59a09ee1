"""RocksStore: the state of one task in RocksDB, a column family per table.

It holds only what is committed: `write_at` is called after the transaction has ended, and one
WriteBatch holds the epoch's changes, its checkpoint and the changelog's position. So a process
that is killed leaves the state of some committed epoch behind, and the changelog has the rest.
Writes are not synced: a power cut takes the newest ones, the position with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec
from rocksdict import ColumnFamily, Rdict, RdictIter, ReadOptions, WriteBatch

from pipeline.domain.errors import StoreError
from pipeline.domain.store import Changes, Checkpoint
from pipeline.hosts.faust.state.aside import set_aside
from pipeline.hosts.faust.state.changelog import split_key
from pipeline.hosts.faust.state.faults import Damaged, fault
from pipeline.hosts.faust.state.trust import DAMAGED, Changelog, Stored, decode_stored, distrust
from pipeline.hosts.faust.state.tuning import options

_STORED: Final = b"stored"
_FAMILY: Final = "table:"
_DEFAULT: Final = "default"
_MARK: Final = "damaged"


class _Family:
    """One table: its reader, and the handle that a batch writes through. A handle is never
    kept elsewhere: RocksDB keeps its lock as long as one lives, be it in a traceback.
    """

    __slots__ = ("get", "handle", "rows")

    def __init__(self, rows: Rdict, handle: ColumnFamily) -> None:
        self.rows = rows
        self.handle = handle
        self.get: Callable[[bytes], Any] = rows.get


class _Closed(dict[str, _Family]):
    """The tables of a store that is closed: an absent table would read as an empty one."""

    def get(self, *_: object) -> NoReturn:
        raise StoreError("the store is closed")

    keys = get


class RocksStore:
    """A Store (domain.store) with a position in its changelog. Opened by `open` only.

    `set_aside` is where an older folder went that could not be trusted, None where there was
    none. Every method raises StoreError, never an error of RocksDB; what finds a damaged file
    marks the folder, so that the next start does not trip over it again.
    """

    def __init__(self, folder: Path, log: Changelog, now_ms: int) -> None:
        self.folder = folder
        self.set_aside: Path | None = None
        self._families: dict[str, _Family] = {}
        self._db = self._connect()
        self._stored = Stored(
            topic_id=log.topic_id, position=log.first, written_at_ms=now_ms, checkpoint=Checkpoint()
        )

    @classmethod
    def open(cls, folder: Path, log: Changelog, now_ms: int) -> RocksStore:
        """The store in `folder`, made where there is none. One that is damaged, or that cannot
        be brought up to date from `log`, is set aside, and an empty one takes its place.
        Raises Busy where another process has it or the disk is full, else StoreError.
        """
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder.parent}: {error.strerror}") from error
        reason = DAMAGED
        if not (folder / _MARK).exists():
            try:
                store = cls(folder, log, now_ms)
                reason = store._adopt(log, now_ms)
            except Damaged:
                pass
            else:
                if not reason:
                    return store
                store.close()
        aside = set_aside(folder, reason, now_ms)
        store = cls(folder, log, now_ms)
        store.set_aside = aside
        store.touch(now_ms)
        return store

    @property
    def position(self) -> int:
        """The next changelog offset that is not yet applied."""
        return self._stored.position

    def get(self, table: str, key: str) -> bytes | None:
        """The bytes under `key`, or None."""
        family = self._families.get(table)
        if family is None:
            return None
        raw = key.encode()
        try:
            found: bytes | None = family.get(raw)
        except Exception as error:  # noqa: BLE001  (RocksDB's errors have no type of their own)
            raise self._refuse(error) from None
        return found

    def scan(self, table: str, start: str, end: str, limit: int = 0) -> Iterable[tuple[str, bytes]]:
        """(key, bytes) with start <= key < end by key, at most `limit` (0: all). Bytes of UTF-8
        have the order of code points.
        """
        family = self._families.get(table)
        if family is None:
            return []
        first = start.encode()
        bounds = ReadOptions()
        bounds.set_iterate_upper_bound(end.encode())
        try:
            return _rows(family.rows.iter(bounds), first, limit)
        except Exception as error:  # noqa: BLE001
            raise self._refuse(error) from None

    def write(self, changes: Changes, checkpoint: Checkpoint) -> None:
        """Apply all changes and the checkpoint, atomically; the position stays."""
        self.write_at(changes, checkpoint, self.position)

    def write_at(self, changes: Changes, checkpoint: Checkpoint, position: int) -> None:
        """Apply an epoch that is committed, whose changelog ends before `position`."""
        batch = WriteBatch(raw_mode=True)
        families = self._opened({table for table, _ in changes})
        for (table, key), value in changes.items():
            if value is None:
                batch.delete(key.encode(), families[table].handle)
            else:
                batch.put(key.encode(), value, families[table].handle)
        self._commit(batch, checkpoint, position, checkpoint.now_ms)

    def load(
        self,
        latest: Mapping[bytes, bytes | None],
        checkpoint: Checkpoint,
        position: int,
        written_at_ms: int,
    ) -> None:
        """Apply a stretch of the changelog that ends before `position`: the last value per
        record key. `written_at_ms` says how old the log was there.
        """
        batch = WriteBatch(raw_mode=True)
        put, delete = batch.put, batch.delete
        families: dict[bytes, _Family] = {}
        for raw, value in latest.items():
            prefix, _, key = raw.partition(b"\0")
            family = families.get(prefix)
            if family is None:
                table = split_key(raw)[0]
                family = families[prefix] = self._opened({table})[table]
            if value is None:
                delete(key, family.handle)
            else:
                put(key, value, family.handle)
        self._commit(batch, checkpoint, position, written_at_ms)

    def touch(self, now_ms: int) -> None:
        """Say that the store holds all of the log as it is now, also where nothing changed for
        long: an owner does so when it is restored, from time to time, and before it closes.
        """
        self._commit(WriteBatch(raw_mode=True), self.checkpoint(), self.position, now_ms)

    def checkpoint(self) -> Checkpoint:
        """The last checkpoint written; a fresh one where there is none."""
        return self._stored.checkpoint

    def close(self) -> None:
        """Let go of the folder: it can be opened again, here or in another process. RocksDB
        flushes what is in memory; where the disk takes no more, the write-ahead log has it.
        """
        if isinstance(self._families, _Closed):
            return
        families, self._families = self._families, _Closed()
        for family in families.values():
            del family.handle
            with suppress(Exception):
                family.rows.close()
        with suppress(Exception):
            self._db.close()

    def _connect(self) -> Rdict:
        """Open the database with the tables that it has."""
        path = str(self.folder)
        try:
            names = [_DEFAULT]
            if (self.folder / "CURRENT").exists():
                names = Rdict.list_cf(path, options())
            db = Rdict(path, options(), {name: options() for name in names})
            for name in names:
                if name != _DEFAULT:
                    self._families[name.removeprefix(_FAMILY)] = _family(db, name)
        except Exception as error:  # noqa: BLE001
            raise fault(self.folder, error) from None
        return db

    def _adopt(self, log: Changelog, now_ms: int) -> str:
        """Take over what stands in the folder; the reason where it cannot be trusted."""
        try:
            raw = self._db.get(_STORED)
        except Exception as error:  # noqa: BLE001
            self.close()
            raise fault(self.folder, error) from None
        if raw is None:
            if self._families:  # no batch of ours leaves it out
                return DAMAGED
            self.touch(now_ms)
            return ""
        stored = decode_stored(raw)
        if isinstance(stored, str):
            return stored
        self._stored = stored
        return distrust(stored, log, now_ms)

    def _opened(self, tables: set[str]) -> dict[str, _Family]:
        """Tables to be written to, made where they are new."""
        for table in tables - self._families.keys():
            name = _FAMILY + table
            try:
                self._db.create_column_family(name, options()).close()
                self._families[table] = _family(self._db, name)
            except Exception as error:  # noqa: BLE001
                raise self._refuse(error) from None
        return {table: self._families[table] for table in tables}

    def _commit(
        self, batch: WriteBatch, checkpoint: Checkpoint, position: int, written_at_ms: int
    ) -> None:
        stored = Stored(
            topic_id=self._stored.topic_id,
            position=position,
            written_at_ms=written_at_ms,
            checkpoint=checkpoint,
        )
        try:
            batch.put(_STORED, msgspec.msgpack.encode(stored))
            self._db.write(batch)
        except Exception as error:  # noqa: BLE001
            raise self._refuse(error) from None
        self._stored = stored

    def _refuse(self, error: Exception) -> StoreError:
        """Our error for one of RocksDB. Its traceback is dropped: it would hold an iterator, and
        with it the lock of the folder.
        """
        error.with_traceback(None)
        found = fault(self.folder, error)
        if isinstance(found, Damaged):
            mark(self.folder)
        return found


def mark(folder: Path) -> None:
    """Have the next start set this folder aside."""
    try:
        (folder / _MARK).touch()
    except OSError:
        return  # the disk takes nothing any more; the next start finds the damage by itself


def _family(db: Rdict, name: str) -> _Family:
    return _Family(db.get_column_family(name), db.get_column_family_handle(name))


def _rows(found: RdictIter, start: bytes, limit: int) -> list[tuple[str, bytes]]:
    """Rows from `start` on. RocksDB's iterators end at a damaged block as if there were no more
    rows, so what ended is asked why.
    """
    rows: list[tuple[str, bytes]] = []
    is_valid, key, value, go_on = found.valid, found.key, found.value, found.next
    found.seek(start)
    while is_valid():
        rows.append((key().decode(), value()))
        if len(rows) == limit:
            return rows
        go_on()
    found.status()
    return rows
