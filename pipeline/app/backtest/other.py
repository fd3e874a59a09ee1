"""The other run: the same state and the same inputs, decided otherwise, epoch beside epoch.

Whatever history did in an epoch, the other run does in an epoch of the same instant, on the same
alerts. What it alone has to do, a timer that only it has or an answer that only it gets, it does
at its own instant in between; where Tocsin was started anew meanwhile, when it was there again.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.app.backtest.branch import Branch
from pipeline.app.backtest.echoes import ALERTS, RECEIPTS, Echoes
from pipeline.app.backtest.orders import Orders
from pipeline.app.backtest.pages import Page, Pages, incidents, notifications
from pipeline.app.backtest.pairs import Pairs
from pipeline.app.backtest.sight import Sight
from pipeline.codec import decode
from pipeline.domain.command import Command
from pipeline.domain.journal import JournalRecord
from pipeline.domain.notification import TRIGGER
from pipeline.domain.record import Record
from pipeline.domain.store import Output, Store
from pipeline.hosts.embedded.replay import Replayed

ROUNDS_MAX: Final = 1_000
"""Epochs of one instant that follow from each other; more would be a circle."""


class Other:
    """One other run, from where it parts from history.

    `history` is the state of history's deciding task, `told` when history last told of an
    incident. `intake` is asked only where raw alerts become other alerts than they did.
    """

    def __init__(
        self,
        decide: Branch,
        intake: Branch,
        history: Store,
        told: Mapping[str, int],
    ) -> None:
        self.decide = decide
        self.intake = intake
        self.pairs = Pairs()
        self.pages = Pages()
        self._history = history
        self.sight = Sight(decide.store)
        self.orders = Orders(self.pairs, Sight(history), self.sight, told)
        self._echoes = Echoes(self.pairs)
        self._later: list[tuple[int, int, Record]] = []
        self._later_count = 0
        self._slot = ""

    def pass_to(self, journal: JournalRecord) -> list[Page]:
        """Do what is due before an epoch of history; its pages. Call it before that is run."""
        if self._slot and journal.slot != self._slot:
            self._slot = journal.slot
            return []
        self._slot = journal.slot
        return self.pass_until(journal.now_ms)

    def pass_until(self, until_ms: int) -> list[Page]:
        """Do what is due before an instant, each at its own time."""
        made: list[Page] = []
        last_ms, rounds = -1, 0
        while rounds < ROUNDS_MAX:
            own_ms = self.decide.own_timer_ms(until_ms, self._history)
            given_ms = self._later[0][0] if self._later else until_ms
            at_ms = min(given_ms, until_ms if own_ms is None else own_ms)
            if at_ms >= until_ms:
                break
            made += self._at(self._given(at_ms), at_ms, ())
            last_ms, rounds = at_ms, rounds + 1 if at_ms == last_ms else 0
        return made

    def follow(self, replayed: Replayed, *, is_own_intake: bool) -> list[Page]:
        """Do in an epoch what history did in it; its pages."""
        now_ms = replayed.journal.now_ms
        self._echoes.history(replayed.outputs)
        if replayed.journal.is_burial and not is_own_intake:
            outputs = self.decide.bury(replayed.inputs[0], now_ms)
            return self._took(outputs, now_ms, replayed.outputs)
        batch = [
            given
            for record in replayed.inputs
            for given in self._as_here(record, now_ms, is_own_intake=is_own_intake)
        ]
        return self._at(batch + self._given(now_ms), now_ms, replayed.outputs)

    def take_in(self, inputs: Sequence[Record], now_ms: int) -> list[Page]:
        """Take raw alerts in as this run's own intake does, and decide on them; its pages."""
        outputs = self.intake.run(inputs, now_ms)
        batch = [self._echoes.record(each, now_ms) for each in outputs if each.topic == ALERTS]
        return self._at(batch, now_ms, ()) if batch else []

    def _as_here(self, record: Record, now_ms: int, *, is_own_intake: bool) -> list[Record]:
        """A record that history read, as this run reads it."""
        if record.topic == RECEIPTS:
            given = self._echoes.receipt(record)
            return [] if given is None else [given]
        if record.topic != ALERTS:
            event = record.event
            command = event if isinstance(event, Command) else decode(Command, record.value or b"")
            return self.orders.place(record, command, now_ms)
        if self._echoes.is_own(record):
            return [record] if self._echoes.is_shared(record) else []
        return [] if is_own_intake else [record]

    def _at(self, batch: list[Record], now_ms: int, beside: Sequence[Output]) -> list[Page]:
        """One epoch, and those of the same instant that follow from it."""
        made = self._took(self.decide.run(batch, now_ms), now_ms, beside)
        for _ in range(ROUNDS_MAX):
            batch = self._given(now_ms)
            if not batch:
                break
            made += self._took(self.decide.run(batch, now_ms), now_ms, ())
        return made

    def _took(self, outputs: Sequence[Output], now_ms: int, beside: Sequence[Output]) -> list[Page]:
        self.pairs.opened(incidents(beside), incidents(outputs), now_ms)
        for back in self._echoes.other(outputs, beside, now_ms):
            self._give(back, now_ms)
        told = notifications(outputs)
        for each in told:
            if each.action == TRIGGER:
                for at_ms, order in self.orders.told(each.incident_id, now_ms):
                    self._give(order, at_ms)
        return self.pages.add(told)

    def _give(self, record: Record, at_ms: int) -> None:
        self._later_count += 1
        heapq.heappush(self._later, (at_ms, self._later_count, record))

    def _given(self, now_ms: int) -> list[Record]:
        """What is to be given by now, in the order of its time."""
        found = []
        while self._later and self._later[0][0] <= now_ms:
            found.append(heapq.heappop(self._later)[2])
        return found
