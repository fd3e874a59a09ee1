"""Replay: past epochs run again, each with what its journal record says, digests compared.

Every task is replayed by itself: its inputs stand on topics, its answers from receivers in the
journal, its time and the versions of its globals too. So an epoch either gives the digest that
it gave then, or it is named.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from pipeline.codec import decode
from pipeline.domain.call import CallResult
from pipeline.domain.errors import TocsinError
from pipeline.domain.journal import JournalRecord
from pipeline.domain.record import Record
from pipeline.domain.stage import Event
from pipeline.domain.store import Checkpoint, Log, Output
from pipeline.engine import Agent, Globals, Task
from pipeline.engine.agent import JOURNAL, RESULTS
from pipeline.hosts.embedded import bases
from pipeline.hosts.embedded.database import connect, guarded
from pipeline.hosts.embedded.store import SqliteStore

READ_MAX: Final = 1_000
"""Records that are read from the log at once."""

Build = Callable[[str, str], Sequence[Agent]]
"""From the hash of a topology.yaml and a slot to its agents; raises UsageError where the file is
not kept."""


class Replayed(Struct, frozen=True, kw_only=True):
    """One epoch, run again: what it read in that order, and what it did."""

    journal: JournalRecord
    digest: str
    outputs: tuple[Output, ...]
    inputs: tuple[Record, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether it did exactly what it did then."""
        return self.digest == self.journal.digest


class NoWayBack(TocsinError):
    """The log or the bases do not reach far enough back; the text says how far they do."""


class Replay:
    """Past epochs of one log, from the nearest base before `from_ms`, or from the start.

    `is_dense` is False where transactions leave holes between offsets, as on Kafka.
    """

    def __init__(
        self,
        log: Log,
        build: Build,
        global_types: Mapping[str, type[Event]],
        folder: Path | None,
        from_ms: int,
        *,
        is_dense: bool = True,
    ) -> None:
        self._log = log
        self._is_dense = is_dense
        self._build = build
        self._global_types = global_types
        base = bases.nearest(folder, from_ms) if folder else None
        self._db: sqlite3.Connection = bases.load(base)
        self._tasks: dict[str, tuple[tuple[str, str], Task]] = {}
        self._stores: dict[str, SqliteStore] = {}
        self._globals: dict[str, Globals] = {}
        self._start = bases.checkpoints(self._db)

    def run(self, from_ms: int, to_ms: int) -> Iterator[Replayed]:
        """Replay up to `to_ms`; yields the epochs with from_ms <= time <= to_ms.

        Raises NoWayBack where records that an epoch read are no longer kept.
        """
        for journal in self.journals(to_ms):
            replayed = self.epoch(journal)
            if journal.now_ms >= from_ms:
                yield replayed

    def journals(self, to_ms: int) -> Iterator[JournalRecord]:
        """The records of the epochs up to `to_ms` that the base does not hold, in their order.

        Who does not run one by `epoch` leaves its whole task alone.
        """
        for number in self._log.partitions(JOURNAL):
            for record in self._scan(JOURNAL, number):
                journal = decode(JournalRecord, record.value or b"")
                if journal.now_ms > to_ms:
                    break
                start = self._start.get(journal.task)
                if start is None or journal.epoch > start.epoch:
                    yield journal

    def copy(self) -> sqlite3.Connection:
        """A database in memory with the state as it is now: another future may begin there."""
        target = connect(":memory:")
        with guarded():
            self._db.backup(target)
        return target

    def store(self, task: str) -> SqliteStore:
        """The state of a task as it is now."""
        return self._stores.setdefault(task, SqliteStore(self._db, task))

    def state(self, task: str) -> tuple[dict[tuple[str, str], bytes], Checkpoint]:
        """What a task has come to by now: its rows by (table, key), and its checkpoint."""
        with guarded():
            rows = self._db.execute(
                "SELECT name, key, value FROM state JOIN state_tables ON tid = id WHERE task = ?",
                (task,),
            ).fetchall()
        checkpoint = bases.checkpoints(self._db).get(task, Checkpoint())
        return {(table, key): value for table, key, value in rows}, checkpoint

    def _scan(self, topic: str, partition: int) -> Iterator[Record]:
        offset = self._log.bounds(topic, partition)[0]
        while some := self._log.read(topic, partition, offset, READ_MAX):
            yield from some
            offset = some[-1].offset + 1

    def epoch(self, journal: JournalRecord) -> Replayed:
        """Run one epoch again. Raises NoWayBack where the state before it, or what it read, is
        not kept.
        """
        task = self._task(journal)
        if task.checkpoint.epoch + 1 != journal.epoch:
            raise NoWayBack(
                f"{journal.task}: the journal begins with epoch {journal.epoch}, the state kept"
                f" ends with {task.checkpoint.epoch}: choose a later --from"
            )
        self.look_up(self._globals[journal.task], journal)
        inputs = self.inputs(journal)
        now_ms = journal.now_ms
        effects = task.bury(inputs[0], now_ms) if journal.is_burial else task.run(inputs, now_ms)
        self._stores[journal.task].write(effects.changes, effects.checkpoint)
        task.committed()
        return Replayed(
            journal=journal,
            digest=effects.journal.digest,
            outputs=tuple(effects.outputs),
            inputs=tuple(inputs),
        )

    def _task(self, journal: JournalRecord) -> Task:
        """The task under the rules of its epoch; other rules go on from the same state."""
        rules = (journal.topology, journal.slot)
        found = self._tasks.get(journal.task)
        if found is None or found[0] != rules:
            agent_name, _, partition = journal.task.rpartition("-")
            agent = next(a for a in self._build(*rules) if a.name == agent_name)
            known = self._globals.setdefault(journal.task, Globals(self._global_types))
            store = self.store(journal.task)
            found = (rules, Task(agent, int(partition), store, known, may_refuse=False))
            self._tasks[journal.task] = found
        return found[1]

    def look_up(self, known: Globals, journal: JournalRecord) -> None:
        """Bring the globals to the versions that the epoch saw."""
        for topic, version in journal.globals.items():
            while known.versions[topic] < version:
                start = known.versions[topic]
                records = self._log.read(topic, 0, start, min(READ_MAX, version - start))
                inside = [record for record in records if record.offset < version]
                for record in inside:
                    known.apply(record)
                if not inside:
                    known.versions[topic] = version

    def inputs(self, journal: JournalRecord) -> list[Record]:
        """What an epoch read. Raises NoWayBack where that is not kept."""
        partition = int(journal.task.rpartition("-")[2])
        inputs = [
            Record(
                topic=RESULTS,
                partition=partition,
                offset=0,
                key=msgspec.msgpack.decode(value, type=CallResult).key,
                value=value,
            )
            for value in journal.results
        ]
        for segment in journal.segments:
            count_max = segment.end - segment.start
            read = self._log.read(segment.topic, segment.partition, segment.start, count_max)
            found = [record for record in read if record.offset < segment.end]
            if (
                not found
                or found[0].offset != segment.start
                or found[-1].offset != segment.end - 1
                or (self._is_dense and len(found) != count_max)
            ):
                first = self._log.bounds(segment.topic, segment.partition)[0]
                raise NoWayBack(
                    f"{journal.task}: epoch {journal.epoch} read {segment.topic} from offset"
                    f" {segment.start}, of which is kept only what begins at {first}: choose a"
                    " later --from"
                )
            inputs.extend(found)
        return inputs
