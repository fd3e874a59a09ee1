"""FolderSource: the data folder of an embedded host, locked as a running Tocsin would lock it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, Self

from pipeline.codec import decode
from pipeline.domain.errors import StoreError
from pipeline.domain.journal import JournalRecord
from pipeline.domain.record import Record
from pipeline.domain.store import Checkpoint
from pipeline.engine.agent import JOURNAL
from pipeline.hosts.embedded.contents import Contents
from pipeline.hosts.embedded.folder import DATABASE, Folder
from pipeline.hosts.migrate.source import Bounds, Moved, Place, TableSize

PIECE_MAX: Final = 2_000
"""Rows or records that are read at once."""


class FolderSource:
    """A Source. Use it in a `with`: the folder is locked inside.

    Raises StoreError where the folder holds no database, Busy where a process uses it.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / DATABASE).is_file():
            raise StoreError(f"{folder / DATABASE} does not exist: name a data folder with --data")
        self._folder = Folder(folder)
        self._folder.acquire()
        try:
            self._contents = Contents(folder)
            self.name = f"the data folder {folder}"
            self.installation = self._contents.installation()
            self.texts: Mapping[str, str] = self._contents.texts()
            self.checkpoints: Mapping[str, Checkpoint] = self._contents.checkpoints()
            self.applied = self._last_rules()
        except BaseException:
            self._folder.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._contents.close()
        self._folder.release()

    async def tables(self) -> Sequence[TableSize]:
        """All tables that have rows."""
        return [TableSize(*row) for row in self._contents.tables()]

    async def rows(
        self, task: str, table: str, start: int
    ) -> AsyncIterator[Sequence[tuple[str, bytes]]]:
        """The rows of a table by key."""
        found = self._contents.rows(task, table, start)
        while piece := list(islice(found, PIECE_MAX)):
            yield piece

    async def bounds(self, topic: str) -> Mapping[int, Bounds]:
        """Where each partition of a topic begins and ends."""
        log = self._contents.log
        return {number: Bounds(*log.bounds(topic, number)) for number in log.partitions(topic)}

    async def records(self, place: Place, start: int, end: int) -> AsyncIterator[Sequence[Moved]]:
        """The records of a range."""
        while start < end:
            found = self._contents.records(*place, start, min(PIECE_MAX, end - start))
            if not found:
                return
            yield [_moved(record) for record in found if record.offset < end]
            start = found[-1].offset + 1

    def _last_rules(self) -> str:
        """The rules of the last epoch."""
        found = ""
        for number in self._contents.log.partitions(JOURNAL):
            first, following = self._contents.log.bounds(JOURNAL, number)
            if following > first:
                (last,) = self._contents.records(JOURNAL, number, following - 1, 1)
                found = decode(JournalRecord, last.value or b"").topology
        return found


def _moved(record: Record) -> Moved:
    """A record with its texts as bytes; an empty key is none, as on Kafka."""
    return Moved(
        key=record.key.encode() or None,
        value=record.value,
        headers=[(name, text.encode()) for name, text in record.headers.items()],
        timestamp_ms=record.timestamp_ms,
        offset=record.offset,
    )
