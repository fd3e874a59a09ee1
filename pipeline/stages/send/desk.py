"""A receiver's desk during one event: it keeps entries, lanes, queues and receipts in step.

Every change of `send`'s tables happens here, and what is decided comes from the pure files
beside it. A desk is made for an event and closed at its end, so the receiver's row is written
once.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.notification import (
    DELIVERED,
    DROPPED,
    REFUSED,
    RESOLVE,
    TRIGGER,
    Notification,
)
from pipeline.domain.sink import Outcome, Retry
from pipeline.domain.stage import Context
from pipeline.stages.send import reasons
from pipeline.stages.send.answer import Case, answer, gave_up, is_too_old
from pipeline.stages.send.arrive import Closing, arrive
from pipeline.stages.send.config import Receiver
from pipeline.stages.send.health import (
    NOT_BEFORE_A_RESULT,
    abandoned,
    begun,
    ended,
    free_to_call_ms,
)
from pipeline.stages.send.lane import (
    NEVER_TOLD,
    closed,
    idle_until_ms,
    is_needless,
    learned,
    look_at_ms,
    overdue_at_ms,
    ready_at_ms,
)
from pipeline.stages.send.receipts import give_receipt
from pipeline.stages.send.tables import (
    CALLING,
    CALM,
    CALM_SEVERITIES,
    LANES,
    OUTBOX,
    RECEIVERS,
    TICKETS,
    URGENT,
    WAITING,
    Entry,
    Lane,
    ReceiverState,
    Ticket,
    outbox_key,
)

STARTS_PER_EVENT_MAX: Final = 200
"""One event begins at most so many calls and passes over at most so many tickets; the rest
follows at the next wake, which is due at once."""

DRY_WAKE_MS: Final = 60_000
"""A dry worker looks this often at what it leaves alone, so that the next one does, too."""

CALM_EVERY: Final = 4
"""While both queues wait, every fourth call is for the calm one, so that it moves too."""


class Place(Struct, frozen=True):
    """Who decides for this receiver: its name and config, this worker, the sink's nature.

    `is_dry`: no call is begun; what waits stays for a worker that calls.
    """

    receiver: str
    config: Receiver
    slot: str
    has_idempotency: bool
    is_dry: bool


class Desk:
    """The tables of one receiver, for one event."""

    def __init__(self, place: Place, ctx: Context) -> None:
        self._place = place
        self._config = place.config
        self._ctx = ctx
        self._now_ms = ctx.now_ms
        self._outbox = ctx.table(OUTBOX)
        self._lanes = ctx.table(LANES)
        self._tickets = ctx.table(TICKETS)
        self._before = ctx.table(RECEIVERS).get(place.receiver) or ReceiverState()
        self._state = self._before

    @property
    def count(self) -> int:
        """How many notifications wait or are under way."""
        return self._state.count

    def lane(self, incident_id: str) -> Lane:
        """The lane of an incident; a fresh one where nothing is known of it."""
        return self._lanes.get(self._lane_key(incident_id)) or Lane()

    def admit(self, lane: Lane, told: Notification) -> None:
        """Take a new notification into the outbox, and end what it makes needless."""
        incident_id = told.incident_id
        new = Entry(notification=told, queued_at_ms=self._now_ms)
        arrival = arrive(self._entries(lane, incident_id), new)
        self._outbox.put(self._key(incident_id, told.sequence), new)
        self._state = replace(self._state, count=self._state.count + 1)
        lane = replace(
            lane,
            sequences=(*lane.sequences, told.sequence),
            sequence_max=told.sequence,
            used_at_ms=self._now_ms,
        )
        for closing in arrival.closings:
            lane = self._end(lane, incident_id, closing)
            if closing.result == DELIVERED:  # what was only to be said again holds nothing up
                lane = replace(lane, next_at_ms=0)
        self._keep(incident_id, lane)

    def settle(self, incident_id: str, entry: Entry, outcome: Outcome) -> None:
        """A call came back: end the entry or say when it is called again."""
        seed = entry.notification.notification_id
        before = self._state
        self._state = ended(before, outcome, self._config, seed, self._now_ms)
        if self._state.opens > before.opens:
            why = getattr(outcome, "why", "")
            self._ctx.reason(reasons.OPENED, receiver=self._place.receiver, detail=why)
        elif before.open_until_ms and not self._state.open_until_ms:
            self._ctx.reason(reasons.CLOSED, receiver=self._place.receiver)
        self._answer(incident_id, entry, outcome)

    def inherit(self, incident_id: str, entry: Entry) -> None:
        """A call whose worker ended, or which brought no result: it may have arrived."""
        self._state = abandoned(self._state)
        self._ctx.reason(
            reasons.INHERITED,
            receiver=self._place.receiver,
            slot=entry.slot,
            incident_id=incident_id,
        )
        why = "the worker ended before the call's result was known"
        self._answer(incident_id, entry, Retry(why=why, is_ambiguous=True))

    def wake_lane(self, incident_id: str) -> None:
        """A lane's timer is due: a call is overdue, a wait is over, or it is forgotten."""
        lane = replace(self.lane(incident_id), wake_at_ms=0)
        head = self._head(lane, incident_id)
        is_calling = head is not None and head.state == CALLING
        if head and is_calling and overdue_at_ms(head, self._place.slot) <= self._now_ms:
            self.inherit(incident_id, head)
        else:
            self._keep(incident_id, lane)

    def wake_receiver(self) -> None:
        """The receiver's own timer is due: see whether calls may begin."""
        self._state = replace(self._state, wake_at_ms=0)

    def close(self) -> None:
        """Begin what may begin, ask to be woken for the rest, and write the receiver's row."""
        for _ in range(STARTS_PER_EVENT_MAX):
            queue = self._next_queue()
            if queue is None:
                break
            if self._place.is_dry:
                self._wake_receiver_at(self._now_ms + DRY_WAKE_MS)
                break
            free_at_ms = free_to_call_ms(self._state, self._config, self._now_ms)
            if free_at_ms == NOT_BEFORE_A_RESULT:
                break
            if free_at_ms > self._now_ms:
                self._wake_receiver_at(free_at_ms)
                break
            self._take(queue)
        else:
            self._wake_receiver_at(self._now_ms)
        if self._state is not self._before:
            self._ctx.table(RECEIVERS).put(self._place.receiver, self._state)

    # --- one entry ---

    def _answer(self, incident_id: str, entry: Entry, outcome: Outcome) -> None:
        lane = self.lane(incident_id)
        told = entry.notification
        later = tuple(e.notification.action for e in self._entries(lane, incident_id)[1:])
        case = Case(
            entry=entry,
            lane=lane,
            later=later,
            config=self._config,
            has_idempotency=self._place.has_idempotency,
            now_ms=self._now_ms,
        )
        verdict = answer(outcome, case)
        entry = replace(
            entry,
            is_ambiguous=entry.is_ambiguous or getattr(outcome, "is_ambiguous", False),
            status_code=outcome.status,
            why=verdict.why,
        )
        lane = learned(lane, entry, outcome)
        if verdict.result:
            self._outbox.put(self._key(incident_id, told.sequence), entry)
            closing = Closing(told.sequence, verdict.result, verdict.why)
            lane = self._end(lane, incident_id, closing)
            if told.action == RESOLVE:
                lane = replace(lane, is_told=False, late_until_ms=0)
        else:
            again = reasons.SAID_AGAIN if verdict.is_said else reasons.RETRY
            self._ctx.reason(
                again,
                receiver=told.receiver,
                action=told.action,
                detail=verdict.why,
                incident_id=incident_id,
            )
            self._outbox.put(
                self._key(incident_id, told.sequence),
                replace(
                    entry, state=WAITING, next_at_ms=verdict.next_at_ms, is_said=verdict.is_said
                ),
            )
            lane = replace(lane, next_at_ms=verdict.next_at_ms)
        self._keep(incident_id, lane)

    def _end(self, lane: Lane, incident_id: str, closing: Closing) -> Lane:
        """Take an entry out of the outbox, with its receipt."""
        key = self._key(incident_id, closing.sequence)
        entry = self._outbox.get(key)
        if entry is None:
            return lane
        self._outbox.delete(key)
        self._state = replace(self._state, count=self._state.count - 1)
        give_receipt(self._ctx, entry, closing.result, closing.why, lane.ref)
        return closed(lane, entry, closing.result)

    def _begin(self, lane: Lane, incident_id: str, entry: Entry) -> Lane:
        """Write down who begins which attempt and when; the loop calls after the commit."""
        self._state = begun(self._state, self._config, self._now_ms)
        told = entry.notification
        attempt = entry.attempt + 1
        self._outbox.put(
            self._key(incident_id, told.sequence),
            replace(
                entry,
                state=CALLING,
                attempt=attempt,
                slot=self._place.slot,
                started_at_ms=self._now_ms,
                next_at_ms=0,
                ref=lane.ref,
            ),
        )
        self._ctx.reason(reasons.CALLED, receiver=told.receiver, attempt=attempt)
        return replace(lane, next_at_ms=0)

    # --- lanes and queues ---

    def _keep(self, incident_id: str, lane: Lane) -> None:
        """Write a lane as it now is: with a ticket or a timer, or not at all."""
        head = self._head(lane, incident_id)
        while head is not None and is_needless(lane, head):
            closing = Closing(head.notification.sequence, DROPPED, NEVER_TOLD)
            lane = self._end(lane, incident_id, closing)
            head = self._head(lane, incident_id)
        wake_at_ms = 0
        if head is None:
            wake_at_ms = idle_until_ms(lane, self._now_ms)
            if wake_at_ms <= self._now_ms:
                self._drop_lane(incident_id, lane)
                return
            lane = self._give_back(lane)
        elif head.state == CALLING:
            wake_at_ms = look_at_ms(head, self._place.slot, self._now_ms)
        elif (at_ms := ready_at_ms(lane, head)) > self._now_ms:
            lane = self._give_back(lane)
            wake_at_ms = at_ms
        elif not lane.ticket:
            lane = self._queue(incident_id, lane, head)
        if wake_at_ms != lane.wake_at_ms:
            self._ctx.wake_at(f"lane/{self._lane_key(incident_id)}", wake_at_ms)
            lane = replace(lane, wake_at_ms=wake_at_ms)
        self._lanes.put(self._lane_key(incident_id), lane)

    def _drop_lane(self, incident_id: str, lane: Lane) -> None:
        self._give_back(lane)
        if lane.wake_at_ms:
            self._ctx.wake_at(f"lane/{self._lane_key(incident_id)}", 0)
        self._lanes.delete(self._lane_key(incident_id))

    def _queue(self, incident_id: str, lane: Lane, head: Entry) -> Lane:
        told = head.notification
        is_first = told.action == TRIGGER and not lane.is_told
        queue = URGENT if is_first and told.severity not in CALM_SEVERITIES else CALM
        first, number = getattr(self._state, queue)
        self._tickets.put(self._ticket_key(queue, number), Ticket(incident_id))
        self._state = replace(self._state, **{queue: (first, number + 1)})
        return replace(lane, queue=queue, ticket=number)

    def _give_back(self, lane: Lane) -> Lane:
        """The lane without its ticket; the queue passes over the number."""
        if not lane.ticket:
            return lane
        self._tickets.delete(self._ticket_key(lane.queue, lane.ticket))
        return replace(lane, ticket=0)

    def _take(self, queue: str) -> None:
        """Take the next ticket of a queue and begin its lane's call, if it still has one."""
        number, end = getattr(self._state, queue)
        key = self._ticket_key(queue, number)
        ticket = self._tickets.get(key)
        self._tickets.delete(key)
        self._state = replace(self._state, turn=self._state.turn + 1, **{queue: (number + 1, end)})
        if ticket is None:
            return
        incident_id = ticket.incident_id
        lane = replace(self.lane(incident_id), ticket=0)
        head = self._head(lane, incident_id)
        if head is None:
            return
        if is_too_old(head, self._config, self._now_ms):
            result, why = (
                (DELIVERED, "") if head.is_said else (REFUSED, gave_up(self._config, head.why))
            )
            lane = self._end(lane, incident_id, Closing(head.notification.sequence, result, why))
        else:
            lane = self._begin(lane, incident_id, head)
        self._keep(incident_id, lane)

    def _next_queue(self) -> str | None:
        """The queue whose turn it is; None where both are empty."""
        has_urgent = self._state.urgent[0] < self._state.urgent[1]
        has_calm = self._state.calm[0] < self._state.calm[1]
        if has_urgent and has_calm:
            return CALM if self._state.turn % CALM_EVERY == CALM_EVERY - 1 else URGENT
        return URGENT if has_urgent else CALM if has_calm else None

    def _wake_receiver_at(self, at_ms: int) -> None:
        if self._state.wake_at_ms != at_ms:
            self._ctx.wake_at(f"receiver/{self._place.receiver}", at_ms)
            self._state = replace(self._state, wake_at_ms=at_ms)

    def _entries(self, lane: Lane, incident_id: str) -> list[Entry]:
        found = (self._outbox.get(self._key(incident_id, s)) for s in lane.sequences)
        return [entry for entry in found if entry is not None]

    def _head(self, lane: Lane, incident_id: str) -> Entry | None:
        if not lane.sequences:
            return None
        return self._outbox.get(self._key(incident_id, lane.sequences[0]))

    def _key(self, incident_id: str, sequence: int) -> str:
        return outbox_key(self._place.receiver, incident_id, sequence)

    def _lane_key(self, incident_id: str) -> str:
        return f"{self._place.receiver}/{incident_id}"

    def _ticket_key(self, queue: str, number: int) -> str:
        return f"{self._place.receiver}/{queue}/{number:012d}"
