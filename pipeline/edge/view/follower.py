"""Following the log: read a batch, write its rows and its offsets in one transaction, go on."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import structlog
from msgspec.structs import replace

from pipeline.codec import DecodeError, decode
from pipeline.domain.audit import AuditRecord
from pipeline.domain.errors import StoreError
from pipeline.domain.record import Record
from pipeline.domain.store import Log
from pipeline.edge.view.database import Damaged, ViewDatabase
from pipeline.edge.view.rows import (
    COMPACTED,
    DEAD_LETTERS,
    FOLLOWED,
    INCIDENTS,
    count_keys,
    entry_row,
    incident_row,
    redriven_row,
    thing_row,
)

BATCH_RECORDS: Final = 1_000
IDLE_S: Final = 0.5
"""Without a nudge the log is looked at this often."""

SOON_S: Final = 0.05
"""The same while what came of some command is held back."""

PAUSE_S: Final = 0.05
"""Between two rounds, unless somebody waits: so many snapshots of an incident become one row."""

RETRY_S: Final = 1.0
TRIM_ROUNDS: Final = 1_000
ENTRIES_MAX: Final = 500_000
"""Entries kept per topic, also when they are younger than its retention."""

_log = structlog.get_logger("tocsin.edge.view")

_INCIDENT: Final = "INSERT OR REPLACE INTO incidents VALUES (?,?,?,?,?,?,?,?,?,?,?)"
_ENTRY: Final = "INSERT OR REPLACE INTO entries VALUES (?,?,?,?,?,?,?,?,?,?)"
_REDRIVEN: Final = "INSERT OR REPLACE INTO redriven VALUES (?,?)"
_THING: Final = "INSERT OR REPLACE INTO things VALUES (?,?,?,?)"
_COUNT: Final = (
    "INSERT INTO counts VALUES (?,?,?,?)"
    " ON CONFLICT (topic, tenant, word) DO UPDATE SET count = count + excluded.count"
)

Results = Callable[[Sequence[AuditRecord]], bool]
"""Told, after each round, what audit said of commands in it, if anything; whether it holds some of
it back and wants to be asked again soon."""


class Follower:
    """Brings the database up to the log's end, round by round, in a thread of its own."""

    def __init__(
        self,
        database: ViewDatabase,
        log: Log,
        retention_ms: Mapping[str, int],
        on_round: Results,
    ) -> None:
        self._database = database
        self._log = log
        self._retention_ms = retention_ms
        self._on_round = on_round
        self._offsets: dict[tuple[str, int], int] = {}
        self._nudged = threading.Event()
        self._hurried = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="view", daemon=True)
        self._rounds = 0
        self._is_holding = False
        self.fault = ""

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End the round that runs, and the thread."""
        self._stopping.set()
        self._hurried.set()
        self._nudged.set()
        if self._thread.is_alive():
            self._thread.join()

    def nudge(self, *, is_waited_for: bool = False) -> None:
        """There is something new; from any thread."""
        if is_waited_for:
            self._hurried.set()
        self._nudged.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._nudged.clear()
            self._hurried.clear()
            try:
                self.round()
                self.fault = ""
            except StoreError as error:
                self.fault = str(error)
                self._stopping.wait(RETRY_S)
                continue
            except Exception as error:  # noqa: BLE001  (it is said, and tried again)
                # A bug: without its thread the view would stand still and say nothing.
                self.fault = f"{type(error).__name__}: {error}"
                _log.exception("the view cannot follow")
                self._stopping.wait(RETRY_S)
                continue
            self._nudged.wait(SOON_S if self._is_holding else IDLE_S)
            self._hurried.wait(PAUSE_S)

    def round(self) -> None:
        """Read every topic to its end, then tell of commands; rebuild first where the file is
        no longer of any use. Raises StoreError.
        """
        try:
            self._round()
        except Damaged:
            self._offsets.clear()
            self._database.rebuild()
            self._round()

    def _round(self) -> None:
        results: list[AuditRecord] = []
        for topic, kind in FOLLOWED.items():
            while self._follow(topic, kind, results) and not self._stopping.is_set():
                pass
        self._rounds += 1
        if self._rounds % TRIM_ROUNDS == 0:
            self.trim()
        self._is_holding = self._on_round(results)

    def _follow(self, topic: str, kind: type[Any], results: list[AuditRecord]) -> bool:
        """Write one batch of a topic, of all its partitions together; whether there is more."""
        records: list[Record] = []
        following: dict[int, int] = {}
        is_more = False
        for partition in self._log.partitions(topic):
            room = BATCH_RECORDS - len(records)
            if room <= 0:
                is_more = True
                break
            offset = self._offset(topic, partition)
            found = self._log.read(topic, partition, offset, room)
            if found:
                records += found
                following[partition] = found[-1].offset + 1
                is_more = is_more or len(found) == room
            elif offset and offset > self._log.bounds(topic, partition)[1]:
                # The log is another one, or an older copy was put back.
                raise Damaged(f"the view is ahead of {topic}")
        if records:
            self._take(topic, kind, records, following, results)
        return is_more

    def _take(
        self,
        topic: str,
        kind: type[Any],
        records: Sequence[Record],
        following: Mapping[int, int],
        results: list[AuditRecord],
    ) -> None:
        with self._database.writing() as connection:
            try:
                found = _write(connection, topic, kind, records)
            except UnicodeEncodeError:
                # Bytes carry no lone surrogates; an event handed over may hold some.
                plain = [replace(record, event=None) for record in records]
                found = _write(connection, topic, kind, plain)
            connection.executemany(
                "INSERT OR REPLACE INTO offsets VALUES (?,?,?)",
                [(topic, partition, offset) for partition, offset in following.items()],
            )
        results += found
        for partition, offset in following.items():
            self._offsets[topic, partition] = offset

    def _offset(self, topic: str, partition: int) -> int:
        known = self._offsets.get((topic, partition))
        if known is not None:
            return known
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT next FROM offsets WHERE topic = ? AND partition = ?", (topic, partition)
            ).fetchone()
        offset = 0 if found is None else int(found[0])
        self._offsets[topic, partition] = offset
        return offset

    def trim(self) -> None:
        """Let go of entries older than their topic keeps them, counted from the newest."""
        with self._database.writing() as connection:
            for topic in FOLLOWED.keys() - COMPACTED:
                newest = connection.execute(
                    "SELECT max(at_ms) FROM entries WHERE topic = ?", (topic,)
                ).fetchone()[0]
                if newest is None:
                    continue
                before_ms = newest - self._retention_ms.get(topic, newest)
                first = connection.execute(
                    "SELECT at_ms FROM entries WHERE topic = ?"
                    " ORDER BY at_ms DESC LIMIT 1 OFFSET ?",
                    (topic, ENTRIES_MAX),
                ).fetchone()
                before_ms = max(before_ms, first[0] + 1 if first else 0)
                connection.execute(
                    "DELETE FROM entries WHERE topic = ? AND at_ms < ?", (topic, before_ms)
                )
                if topic == DEAD_LETTERS:
                    # A letter is older than its mark: what has an older mark is gone as well.
                    connection.execute("DELETE FROM redriven WHERE at_ms < ?", (before_ms,))


def _write(
    connection: sqlite3.Connection, topic: str, kind: type[Any], records: Sequence[Record]
) -> list[AuditRecord]:
    """Write one batch of one partition; what audit says of commands in it."""
    if topic in COMPACTED:
        latest = {record.key: record for record in records}
        gone = [record for record in latest.values() if record.value is None]
        kept = [(record, event) for record in latest.values() if (event := _event(record, kind))]
        if topic == INCIDENTS:
            connection.executemany(
                "DELETE FROM incidents WHERE incident_id = ?", [(record.key,) for record in gone]
            )
            connection.executemany(_INCIDENT, [incident_row(*one) for one in kept])
            return []
        connection.executemany(
            "DELETE FROM things WHERE topic = ? AND key = ?", [(topic, one.key) for one in gone]
        )
        rows = [row for one in kept if (row := thing_row(*one))]
        connection.executemany(_THING, rows)
        return []
    events = [(record, event) for record in records if (event := _event(record, kind))]
    rows = [(row, event) for record, event in events if (row := entry_row(record, event))]
    connection.executemany(_ENTRY, [row for row, _ in rows])
    marks = [mark for _, event in rows if (mark := redriven_row(event))]
    connection.executemany(_REDRIVEN, marks)
    counted = Counter(key for row, event in rows for key in count_keys(row, event))
    connection.executemany(_COUNT, [(*key, count) for key, count in counted.items()])
    return [
        event
        for _, event in events
        if isinstance(event, AuditRecord) and event.command_id and event.result
    ]


def _event(record: Record, kind: type[Any]) -> Any:
    """The event of a record; None for a tombstone and for bytes that nobody can read."""
    if record.value is None:
        return None
    if record.event is not None:
        return record.event
    try:
        return decode(kind, record.value)
    except DecodeError:
        return None
