"""Course: history once more by its journal, and beside it what is to be tried.

The state before the range is exact: that of the nearest daily base, brought up to the range by
the journal. So nothing has to be warmed up, and the same rules do exactly the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from pipeline.app.backtest.branch import Branch
from pipeline.app.backtest.change import Change, Sides
from pipeline.app.backtest.compare import Kept, compare
from pipeline.app.backtest.fate import Fates
from pipeline.app.backtest.later import follow_on
from pipeline.app.backtest.other import Other
from pipeline.app.backtest.pages import Page, Pages, notifications
from pipeline.app.backtest.report import Counts, Report
from pipeline.app.backtest.sight import Sight
from pipeline.codec import decode
from pipeline.domain.command import Command
from pipeline.domain.errors import StoreError
from pipeline.domain.journal import JournalRecord
from pipeline.domain.notification import TRIGGER
from pipeline.domain.store import Log
from pipeline.engine import MemoryStore
from pipeline.hosts.embedded.replay import Replay, Replayed
from pipeline.hosts.embedded.store import SqliteStore

SETTLE_MS: Final = 3_600_000
"""So long after the range both runs go on, so that a page which only came later is found."""

COMMANDS: Final = "commands"
PROGRESS_EVERY: Final = 500
"""Epochs between two reports of progress."""

Progress = Callable[[int, int], None]
"""Told which instant of history has been reached, and how many records were read so far."""


class Span(Struct, frozen=True):
    """The range asked for, and the last instant that history has."""

    from_ms: int
    to_ms: int
    last_ms: int

    @property
    def end_ms(self) -> int:
        """Until when both runs go on."""
        return self.to_ms + SETTLE_MS


class Course:
    """One backtest; `run` it once."""

    def __init__(
        self, log: Log, replay: Replay, change: Change, span: Span, progress: Progress
    ) -> None:
        self._log = log
        self._replay = replay
        self._change = change
        self._span = span
        self._progress = progress
        self._pages = Pages()
        self._told: dict[str, int] = {}
        self._fates = Fates()
        self._other: Other | None = None
        self._task = ""
        self._sides: Sides | None = None
        self._counts = Counts()

    def run(self) -> Report:
        """Both runs, and what differs. Raises NoWayBack and UsageError, which say what to do."""
        started_s = time.perf_counter()
        for number, journal in enumerate(self._replay.journals(self._span.end_ms)):
            sides = self._change.sides(journal.topology)
            if journal.task == f"{sides.real_decides}-0":
                self._decide(journal, sides)
            elif journal.task == f"{sides.real_takes_in}-0":
                self._take_in(journal, sides)
            if number % PROGRESS_EVERY == 0:
                self._progress(journal.now_ms, self._counts.records)
        if self._other is None:
            raise StoreError("nothing was decided in this range: choose an earlier --from")
        self._mark(self._other.pass_until(self._span.end_ms), is_real=False)
        self._counts.took_s = time.perf_counter() - started_s
        return self._report(self._other)

    def _decide(self, journal: JournalRecord, sides: Sides) -> None:
        self._task = journal.task
        if self._other is None and journal.now_ms >= self._span.from_ms:
            self._other = self._part(journal, sides)
        other = self._other
        if other is None:
            self._count(self._replay.epoch(journal), is_inside=False)
            return
        own = other.pass_to(journal)
        self._go_by(sides)
        self._look_up(journal)
        replayed = self._replay.epoch(journal)
        self._count(replayed, is_inside=True)
        own += other.follow(replayed, is_own_intake=sides.is_own_intake)
        self._mark(own, is_real=False)
        self._note(replayed)

    def _note(self, replayed: Replayed) -> None:
        """Take what history did into account, after the other run has done its part."""
        for record in replayed.inputs:
            if record.topic == COMMANDS:
                self._fates.order(decode(Command, record.value or b""))
        told = notifications(replayed.outputs)
        for each in told:
            if each.action == TRIGGER:
                self._told[each.incident_id] = each.created_at_ms
        self._mark(self._pages.add(told), is_real=True)

    def _take_in(self, journal: JournalRecord, sides: Sides) -> None:
        if not sides.is_own_intake or journal.now_ms < self._span.from_ms:
            return
        if self._other is None:
            self._other = self._part(journal, sides)
        own = self._other.pass_to(journal)
        self._go_by(sides)
        self._look_up(journal)
        own += self._other.take_in(self._replay.inputs(journal), journal.now_ms)
        self._mark(own, is_real=False)

    def _part(self, journal: JournalRecord, sides: Sides) -> Other:
        """Here the other run begins, from the state of history."""
        task = f"{sides.real_decides}-0"
        state = self._replay.copy()
        known = self._change.globals
        self._replay.look_up(known, journal)
        self._task, self._sides = task, sides
        decide = Branch(sides.decides, 0, SqliteStore(state, task), known)
        intake = Branch(sides.takes_in, 0, MemoryStore(), known)
        return Other(decide, intake, self._replay.store(task), self._told)

    def _go_by(self, sides: Sides) -> None:
        """Where history changed its rules, what is to be tried may follow."""
        if self._other is not None and sides is not self._sides:
            self._sides = sides
            self._other.decide.change(sides.decides)
            self._other.intake.change(sides.takes_in)

    def _look_up(self, journal: JournalRecord) -> None:
        self._replay.look_up(self._change.globals, journal)

    def _count(self, replayed: Replayed, *, is_inside: bool) -> None:
        counts = self._counts
        counts.records += len(replayed.inputs)
        counts.epochs += 1
        if not is_inside:
            counts.epochs_before += 1
        elif not replayed.is_equal:
            counts.unequal_epochs += 1

    def _mark(self, pages: list[Page], *, is_real: bool) -> None:
        """Keep with each page what the other side made of the same alerts at that instant."""
        other = self._other
        if other is None or not pages:
            return
        here = Sight(self._replay.store(self._task))
        own, away = (here, other.sight) if is_real else (other.sight, here)
        mate_of = other.pairs.other_of if is_real else other.pairs.real_of
        for page in pages:
            incident = own.incident(page.incident_id)
            mate = mate_of(page.incident_id)
            if not mate and incident is not None:
                mate = next(iter(away.holders(incident)), "")
                page.holder = mate
            found = away.incident(mate) if mate else None
            page.is_known = found is not None and bool(found.routing.deliveries)
            page.absent = away.silence(mate, page.receiver)
            if page.holder and found is not None:
                page.absent = f"its alerts belong to {found.title!r}: {page.absent}"

    def _report(self, other: Other) -> Report:
        last = Sight(self._replay.store(self._task))
        ids = {page.incident_id for page in self._pages.all}
        ids |= {other.pairs.real_of(page.incident_id) or page.holder for page in other.pages.all}
        ids.discard("")
        later = follow_on(self._log, ids, last, self._fates, self._span.end_ms)
        kept = Kept(self._pages.all, other.pages.all, other.pairs, later)
        counts = self._counts
        counts.orders = other.orders.count
        counts.orders_lost = other.orders.lost_count
        counts.orders_unanswered = other.orders.unanswered_count
        return compare(kept, self._span.from_ms, self._span.to_ms, counts)
