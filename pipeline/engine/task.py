"""Task: one agent on one partition. It runs the chain over a batch and returns Effects.

Nothing is written here: tables are overlays, outputs are a list. The host commits the Effects
with the journal record atomically and then calls `committed()`; or it calls `rollback()`, and
the same batch can be run again. When an event raises, the whole overlay is dropped and the
batch is run again with a savepoint per event, so the hot path pays nothing for the rare case.
"""

from __future__ import annotations

import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from pipeline.codec import decode
from pipeline.domain.call import CallResult
from pipeline.domain.errors import EpochRefused, StoreError
from pipeline.domain.journal import JournalRecord
from pipeline.domain.raw import RawAlert
from pipeline.domain.record import TENANT, Record
from pipeline.domain.stage import INCIDENTS, Event, Stage
from pipeline.domain.store import Checkpoint, Store
from pipeline.engine.agent import DEAD_LETTERS, INCIDENTS_TOPIC, RESULTS, Agent
from pipeline.engine.chain import Chain
from pipeline.engine.context import Epoch
from pipeline.engine.effects import Effects
from pipeline.engine.globals import Globals
from pipeline.engine.journal import KILLS, RAISED, digest, segments_of, traceback_of
from pipeline.engine.keep import Keep
from pipeline.engine.tables import Overlay, Undo, overlay, take_back
from pipeline.engine.wakes import Due, Wakes

FATAL: Final = (StoreError, EpochRefused, MemoryError, OSError)
"""Faults of the machine, never of an event: they end the epoch and the process."""

RAISED_MAX: Final = 20
"""So many events of one epoch, or of the last RAISED_WINDOW (5 %), may raise. More means that
a deploy is broken: stop uncommitted rather than drain a topic unpaged."""

RAISED_WINDOW: Final = 400


class Task:
    """One agent on one partition, over one Store that nobody else writes.

    `may_refuse` is False where what runs was committed before: then it was not refused.
    `decoded` names the topics whose outputs keep their decoded form (None: all; dead letters
    always do). Who reads none of them saves the memory: 2 µs per alert in epochs of 2,000.
    """

    def __init__(
        self,
        agent: Agent,
        partition: int,
        store: Store,
        globals_: Globals | None = None,
        *,
        may_refuse: bool = True,
        decoded: Iterable[str] | None = None,
    ) -> None:
        self.name = f"{agent.name}-{partition}"
        self.agent = agent
        self.partition = partition
        self._checkpoint = store.checkpoint()
        self._keep = Keep() if INCIDENTS_TOPIC in agent.writes else None
        stages: tuple[Stage, ...] = agent.stages
        if self._keep is not None:
            stages = (*stages, self._keep)
        self._tables: dict[str, Overlay[Any]] = {
            spec.name: overlay(spec, store) for stage in stages for spec in stage.tables
        }
        if self._keep is None and INCIDENTS.name in self._tables:
            raise ValueError("only the end of a chain that writes incidents keeps that table")
        self._wakes = Wakes(store)
        self._epoch = Epoch(
            agent=agent,
            partition=partition,
            tables=self._tables,
            wakes=self._wakes,
            globals=globals_ or Globals({}),
            record=Record(topic="", partition=partition, offset=0, key="", value=None),
            decoded=None if decoded is None else frozenset((*decoded, DEAD_LETTERS)),
        )
        if self._keep is not None:
            self._keep.epoch = self._epoch
        self._chain = Chain(stages, self._epoch)
        self._decoders: dict[str, Callable[[Record], Event]] = {
            topic: _decoder(kind) for topic, kind in agent.reads.items()
        }
        self._decoders[RESULTS] = _decode_result
        # Where bytes are as they came, none at all is a producer's mistake, and no tombstone.
        self._raw = frozenset(topic for topic, kind in agent.reads.items() if kind is RawAlert)
        self._may_refuse = may_refuse
        self._raised: deque[bool] = deque(maxlen=RAISED_WINDOW)
        self._open: tuple[Checkpoint, list[bool]] | None = None

    @property
    def checkpoint(self) -> Checkpoint:
        """How far the committed state goes."""
        return self._checkpoint

    @property
    def next_due_ms(self) -> int:
        """When the next wake is due; far in the future where there is none."""
        return self._wakes.next_due_ms

    def run(self, batch: Sequence[Record], now_ms: int) -> Effects:
        """Run what is due and then the batch, as one epoch at `now_ms`.

        Raises EpochRefused where too many events raise, StoreError, MemoryError and OSError as
        they come; then nothing is kept.
        """
        if self._open is not None:
            raise RuntimeError(f"{self.name}: the last epoch is neither committed nor rolled back")
        self._epoch.now_ms = max(now_ms, self._checkpoint.now_ms)
        try:
            try:
                return self._close(batch, *self._attempt(batch))
            except FATAL:
                raise
            except Exception:  # noqa: BLE001  (any exception out of a stage is its event's)
                self._forget()
            return self._run_apart(batch)
        except BaseException:
            self.rollback()
            raise

    def bury(self, record: Record, now_ms: int) -> Effects:
        """Dead-letter one record unrun, as an epoch: the process died each time it ran."""
        if self._open is not None:
            raise RuntimeError(f"{self.name}: the last epoch is neither committed nor rolled back")
        self._epoch.now_ms = max(now_ms, self._checkpoint.now_ms)
        self._epoch.at(record)
        self._chain.dead_letter(KILLS, "the process died whenever this event ran", -1, "")
        return self._close([record], [], [True], is_burial=True)

    def committed(self) -> None:
        """The host has committed the Effects: they are the state now."""
        if self._open is None:
            raise RuntimeError(f"{self.name}: no epoch is open")
        self._checkpoint, fates = self._open
        self._raised.extend(fates)
        for table in self._all_tables():
            table.committed()
        self._clear()
        self._wakes.committed()

    def rollback(self) -> None:
        """Forget the epoch; the same batch can be run again."""
        self._forget()
        self._wakes.refresh()

    def has_table(self, name: str) -> bool:
        """Whether one of the task's stages, or the end of its chain, owns the table."""
        return name in self._tables

    def rows(self, table: str, prefix: str = "") -> dict[str, Any]:
        """The rows of one of the task's tables, decoded: for starts, tests and people."""
        return dict(self._tables[table].scan(prefix))

    def _attempt(self, batch: Sequence[Record]) -> tuple[list[Due], list[bool]]:
        """Run all without savepoints: what one event costs besides its stages is paid here."""
        due, fates = self._run_due(self._plain)
        at, process, decoders = self._epoch.at, self._chain.process, self._decoders
        for record in batch:
            if record.value is None and record.event is None and record.topic not in self._raw:
                continue
            at(record)
            process(decoders[record.topic](record))
            fates.append(False)
        return due, fates

    def _attempt_apart(self, batch: Sequence[Record]) -> tuple[list[Due], list[bool]]:
        due, fates = self._run_due(self._with_savepoint)
        for record in batch:
            if record.value is None and record.event is None and record.topic not in self._raw:
                continue
            self._epoch.at(record)
            step = partial(self._decode_and_run, record)
            fates.append(self._with_savepoint(step, ""))
        return due, fates

    def _decode_and_run(self, record: Record) -> None:
        self._chain.process(self._decoders[record.topic](record))

    def _run_due(
        self, each: Callable[[Callable[[], None], str], bool]
    ) -> tuple[list[Due], list[bool]]:
        epoch, chain = self._epoch, self._chain
        due = self._wakes.due(epoch.now_ms)
        fates: list[bool] = []
        for wake in due:
            if self._wakes.take(wake):
                epoch.at(
                    Record(
                        topic="",
                        partition=self.partition,
                        offset=0,
                        key=wake.key,
                        value=None,
                        headers={TENANT: wake.tenant},
                        timestamp_ms=wake.at_ms,
                    )
                )
                fates.append(each(lambda w=wake: chain.wake(w.stage, w.key), wake.stage))  # type: ignore[misc]
        return due, fates

    @staticmethod
    def _plain(step: Callable[[], None], _stage: str) -> bool:
        step()
        return False

    def _run_apart(self, batch: Sequence[Record]) -> Effects:
        """Run with a savepoint per event. What fails beyond the events is nobody's fault: the
        epoch is refused, so that this task halts and its neighbours go on.
        """
        due, fates = self._attempt_apart(batch)
        try:
            return self._close(batch, due, fates)
        except FATAL:
            raise
        except Exception as error:
            raise EpochRefused(
                f"{self.name}: the epoch cannot be closed; nothing of it is committed:\n"
                f"{traceback.format_exc()}"
            ) from error

    def _with_savepoint(self, step: Callable[[], None], stage: str) -> bool:
        epoch, undo = self._epoch, Undo()
        marks = (len(epoch.outputs), len(epoch.reasons), len(epoch.kept))
        for table in self._all_tables():
            table.undo = undo
        try:
            step()
            epoch.close_event()
            self._check_writable(undo, marks)
        except FATAL:
            raise
        except Exception:  # noqa: BLE001
            take_back(undo)
            del epoch.outputs[marks[0] :], epoch.reasons[marks[1] :], epoch.kept[marks[2] :]
            epoch.lines.clear()
            epoch.audits.clear()
            self._chain.dead_letter(RAISED, traceback.format_exc(), -1, stage)
            return True
        finally:
            for table in self._all_tables():
                table.undo = None
        return False

    def _check_writable(self, undo: Undo, marks: tuple[int, int, int]) -> None:
        """Write for a trial what else is written at the epoch's end, where no event can be
        blamed: rows, keys, incidents.
        """
        epoch = self._epoch
        for table, key, _ in undo:
            key.encode()
            table.check(key)
        for output in epoch.outputs[marks[0] :]:
            output.key.encode()
        for incident_id, _ in epoch.kept[marks[2] :]:
            incident = self._tables[INCIDENTS.name].get(incident_id)
            if incident is not None:
                epoch.weigh(INCIDENTS_TOPIC, incident)

    def _close(
        self,
        batch: Sequence[Record],
        due: list[Due],
        fates: list[bool],
        *,
        is_burial: bool = False,
    ) -> Effects:
        raised = self._raised_in(fates)
        epoch = self._epoch
        epoch.close_event()
        if self._keep is not None:
            self._keep.flush(epoch)
        changes: dict[tuple[str, str], bytes | None] = {}
        for table in self._all_tables():
            table.changes(changes)
        segments = segments_of(batch)
        read = {f"{s.topic}:{s.partition}": s.end for s in segments}
        checkpoint = Checkpoint(
            epoch=self._checkpoint.epoch + (1 if due or batch else 0),
            now_ms=epoch.now_ms,
            offsets={**self._checkpoint.offsets, **read},
        )
        journal = JournalRecord(
            task=self.name,
            epoch=checkpoint.epoch,
            now_ms=epoch.now_ms,
            segments=segments,
            results=tuple(r.value or b"" for r in batch if r.topic == RESULTS),
            globals={n: epoch.globals.versions[n] for n in self.agent.looks_up},
            topology=self.agent.topology,
            slot=self.agent.slot,
            digest=digest(epoch.outputs, changes),
            outputs=len(epoch.outputs),
            is_burial=is_burial,
        )
        self._open = (checkpoint, fates)
        return Effects(
            task=self.name,
            outputs=epoch.outputs,
            changes=changes,
            touched={name: table.dirty for name, table in self._tables.items() if table.dirty},
            reasons=Counter(epoch.reasons),
            checkpoint=checkpoint,
            journal=journal,
            events=len(fates),
            raised=raised,
        )

    def _raised_in(self, fates: list[bool]) -> int:
        """How many events raised. Raises EpochRefused where the code must be at fault."""
        raised = sum(fates)
        lately = sum((*self._raised, *fates)) if raised else 0
        if self._may_refuse and lately > RAISED_MAX:
            raise EpochRefused(
                f"{self.name}: {raised} of {len(fates)} events raise; nothing of this epoch is "
                f"committed. The last traceback:\n{traceback_of(self._epoch.outputs)}"
            )
        return raised

    def _all_tables(self) -> tuple[Overlay[Any], ...]:
        return (*self._tables.values(), *self._wakes.tables)

    def _forget(self) -> None:
        for table in self._all_tables():
            table.rollback()
        self._clear()

    def _clear(self) -> None:
        epoch = self._epoch
        epoch.outputs, epoch.reasons, epoch.kept = [], [], []
        epoch.lines.clear()
        epoch.audits.clear()
        self._open = None


def _decoder(kind: type[Event]) -> Callable[[Record], Event]:
    if kind is RawAlert:
        return lambda record: RawAlert(
            value=record.value or b"",
            key=record.key,
            headers=record.headers,
            timestamp_ms=record.timestamp_ms,
        )
    return lambda record: record.event or decode(kind, record.value or b"")  # type: ignore[return-value]


def _decode_result(record: Record) -> Event:
    return record.event or msgspec.msgpack.decode(record.value or b"", type=CallResult)  # type: ignore[return-value]
