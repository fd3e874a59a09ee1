"""Laws of `send` over any history of notifications, answers, late arrivals, restarts and time.

The receiver is modelled as PagerDuty is: a trigger opens, a resolve closes, whatever comes last.
A call without a known outcome may have arrived at once, never, or up to its deadline later.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pipeline.domain.notification import ACKNOWLEDGE, CHANGE, RESOLVE, TRIGGER, Notification
from pipeline.domain.sink import Delivered, Retry
from pipeline.domain.units import Rate
from pipeline.stages.send.config import CALL_DEADLINE_MS
from pipeline.stages.send.tables import (
    CALLING,
    LANES,
    OUTBOX,
    QUEUED,
    RECEIVERS,
    TICKETS,
    Entry,
)
from tests.stages.send.given import Delivery, pager, told

INCIDENTS = [f"00000000000000aa.{n}" for n in range(2)]
IN_FLIGHT_MAX = 3
DONE = 10_000
LATE_MS = st.sampled_from([-1, 0, 500, 1_500, 3_000, 4_500, CALL_DEADLINE_MS])


class Deliveries(RuleBasedStateMachine):
    """`send` between a route that behaves and a receiver that does not."""

    def __init__(self) -> None:
        super().__init__()
        config = pager(in_flight_max=IN_FLIGHT_MAX, rate=Rate.parse("30/m"), breaker_failures=3)
        self.delivery = Delivery(slot="0", config=config)
        self.slot = 0
        self.sequences = dict.fromkeys(INCIDENTS, 0)
        self.last_word: dict[str, str] = {}
        self.told: dict[str, Notification] = {}
        self.receipts: dict[str, str] = {}
        self.is_open = dict.fromkeys(INCIDENTS, False)
        self.resolved_up_to = dict.fromkeys(INCIDENTS, 0)
        self.late: list[tuple[int, Entry]] = []
        self.begun: set[tuple[str, int]] = set()
        self.orphans: dict[str, tuple[int, int]] = {}

    # --- what happens ---

    @rule(incident=st.sampled_from(INCIDENTS), action=st.sampled_from([ACKNOWLEDGE, CHANGE]))
    def mention(self, incident: str, action: str) -> None:
        self._tell(incident, action)

    @rule(incident=st.sampled_from(INCIDENTS), is_over=st.booleans())
    def turn(self, incident: str, *, is_over: bool) -> None:
        if is_over and self.last_word.get(incident) != TRIGGER:
            return  # route resolves only what it triggered
        self.last_word[incident] = RESOLVE if is_over else TRIGGER
        self._tell(incident, self.last_word[incident])

    @precondition(lambda self: self._ours())
    @rule(pick=st.integers(0, 9), kind=st.sampled_from(["taken", "failed", "throttled"]))
    def come_back(self, pick: int, kind: str) -> None:
        entry = self._pick(pick)
        if kind == "taken":
            self._arrive(entry)
        outcome: Any = {
            "taken": Delivered(ref="r", status=202),
            "failed": Retry(why="503", status=503),
            "throttled": Retry(why="429", status=429, is_throttled=True),
        }[kind]
        self.delivery.answer(outcome, entry)
        if kind == "taken" and entry.notification.action == RESOLVE:
            incident = entry.notification.incident_id
            self.resolved_up_to[incident] = entry.notification.sequence

    @precondition(lambda self: self._ours())
    @rule(pick=st.integers(0, 9), late_ms=LATE_MS)
    def break_off(self, pick: int, late_ms: int) -> None:
        entry = self._pick(pick)
        self._maybe_later(entry, late_ms)
        self.delivery.answer(Retry(why="no answer", is_ambiguous=True), entry)

    @rule(late_ms=LATE_MS)
    def restart(self, late_ms: int) -> None:
        for entry in self._ours():
            told_id = entry.notification.notification_id
            self.orphans[told_id] = (entry.attempt, entry.started_at_ms)
            self._maybe_later(entry, late_ms)
        self.slot += 1
        self.delivery.restart(str(self.slot))

    @rule(by_ms=st.sampled_from([1, 300, 1_000, 2_500, 6_000, 65_000]))
    def pass_time(self, by_ms: int) -> None:
        until_ms = self.now_ms + by_ms
        while self.late and self.late[0][0] <= until_ms:
            at_ms, entry = self.late.pop(0)
            self._advance(max(at_ms - self.now_ms, 0))
            self._arrive(entry)
        self._advance(until_ms - self.now_ms)

    # --- what holds ---

    @invariant()
    def one_call_per_incident_and_few_per_receiver(self) -> None:
        calls = self.delivery.calls()
        assert len(calls) <= IN_FLIGHT_MAX
        assert len({e.notification.incident_id for e in calls}) == len(calls)

    @invariant()
    def no_trigger_is_called_after_a_later_resolve(self) -> None:
        for entry in self.delivery.calls():
            call = (entry.notification.notification_id, entry.attempt)
            if call not in self.begun and entry.notification.action == TRIGGER:
                told = entry.notification
                assert told.sequence > self.resolved_up_to[told.incident_id]
                if entry.attempt > 1:
                    rows = self.delivery.chain.table(OUTBOX).values()
                    behind = [e.notification for e in rows if e.state == QUEUED]
                    assert (RESOLVE, told.incident_id) not in {
                        (n.action, n.incident_id) for n in behind if n.created_at_ms < self.now_ms
                    }
            self.begun.add(call)

    @invariant()
    def what_was_inherited_is_repeated_after_its_deadline(self) -> None:
        for entry in self.delivery.calls():
            told_id = entry.notification.notification_id
            attempt, at_ms = self.orphans.get(told_id, (entry.attempt, 0))
            if entry.attempt > attempt:
                assert entry.started_at_ms >= at_ms + CALL_DEADLINE_MS

    @invariant()
    def each_notification_waits_or_has_one_receipt(self) -> None:
        for receipt in self.delivery.chain.outputs("receipts"):
            assert receipt.notification_id not in self.receipts
            self.receipts[receipt.notification_id] = receipt.result
        rows = self.delivery.chain.table(OUTBOX).values()
        waiting = {entry.notification.notification_id for entry in rows}
        assert waiting | set(self.receipts) == set(self.told)
        assert not waiting & set(self.receipts)

    @invariant()
    def the_books_agree(self) -> None:
        state = self.delivery.chain.table(RECEIVERS).get("on-call")
        rows = self.delivery.chain.table(OUTBOX).values()
        if state is not None:
            assert state.count == len(rows)
            assert state.in_flight == sum(entry.state == CALLING for entry in rows)
        tickets = self.delivery.chain.table(TICKETS)
        lanes = self.delivery.chain.table(LANES)
        queued = {
            f"on-call/{lane.queue}/{lane.ticket:012d}" for lane in lanes.values() if lane.ticket
        }
        assert set(tickets) == queued

    def teardown(self) -> None:
        """The receiver recovers: everything ends, and it knows what is true."""
        for _ in range(DONE):
            if not self.delivery.chain.table(OUTBOX) and not self.late:
                break
            while self._ours():
                self.no_trigger_is_called_after_a_later_resolve()
                self.come_back(0, "taken")
            self.pass_time(1_000)
            self.each_notification_waits_or_has_one_receipt()
        self.each_notification_waits_or_has_one_receipt()
        assert set(self.receipts) == set(self.told)
        for incident, word in self.last_word.items():
            assert self.is_open[incident] is (word == TRIGGER), incident
        assert self.delivery.chain.table(TICKETS) == {}

    # --- how ---

    @property
    def now_ms(self) -> int:
        return self.delivery.chain.now_ms

    def _tell(self, incident: str, action: str) -> None:
        self.sequences[incident] += 1
        notification = told(
            self.sequences[incident], action, incident_id=incident, created_at_ms=self.now_ms
        )
        self.told[notification.notification_id] = notification
        self.delivery.tell(notification)

    def _pick(self, pick: int) -> Entry:
        calls = self._ours()
        return calls[pick % len(calls)]

    def _ours(self) -> list[Entry]:
        """The calls that this process began: only their results can come back."""
        return [entry for entry in self.delivery.calls() if entry.slot == str(self.slot)]

    def _advance(self, by_ms: int) -> None:
        """Time, in steps: whoever calls now is answered within the deadline, as the loop does."""
        while by_ms > 0:
            step_ms = min(by_ms, 1_000)
            self.delivery.chain.advance(step_ms)
            by_ms -= step_ms
            for entry in self._ours():
                if self.now_ms - entry.started_at_ms >= CALL_DEADLINE_MS:
                    self.delivery.answer(Retry(why="no answer", is_ambiguous=True), entry)

    def _maybe_later(self, entry: Entry, late_ms: int) -> None:
        if late_ms < 0:
            return
        at_ms = max(entry.started_at_ms + late_ms, self.now_ms)
        self.late.append((at_ms, entry))
        self.late.sort(key=lambda pair: pair[0])
        self.arrive_what_is_due()

    def arrive_what_is_due(self) -> None:
        """Let arrive what is due at this very moment."""
        while self.late and self.late[0][0] <= self.now_ms:
            self._arrive(self.late.pop(0)[1])

    def _arrive(self, entry: Entry) -> None:
        incident = entry.notification.incident_id
        if entry.notification.action == TRIGGER:
            self.is_open[incident] = True
        elif entry.notification.action == RESOLVE:
            self.is_open[incident] = False


TestDeliveries = Deliveries.TestCase
