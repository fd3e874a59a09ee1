"""What becomes of an entry whose call came back: its receipt, or another attempt and when.

A trigger is never repeated once a resolve waits behind it: delivered after the resolve, it would
open the incident anew. Where nobody knows what became of its call, a resolve called before the
trigger can have arrived is said once more, when nothing of it can be on its way any longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from pipeline.domain.notification import (
    ACKNOWLEDGE,
    AMBIGUOUS,
    CHANGE,
    COLLAPSED,
    DELIVERED,
    DROPPED,
    REFUSED,
    RESOLVE,
    TRIGGER,
)
from pipeline.domain.sink import Delivered, Outcome, Refused, Retry
from pipeline.domain.units import Duration
from pipeline.stages.send.admission import UNDECLARED
from pipeline.stages.send.arrive import LATER_SAYS_IT, MAY_HAVE_ARRIVED, RESOLVED_MEANWHILE
from pipeline.stages.send.backoff import delay_ms
from pipeline.stages.send.config import Receiver
from pipeline.stages.send.tables import Entry, Lane

TWICE: Final = "an earlier call had no answer, so it may have arrived twice"


class Answer(Struct, frozen=True, kw_only=True):
    """Either `result` and `why` of the receipt, or ("" as the result) when to call again.

    `is_said`: it was delivered, and is called again only to be sure.
    """

    result: str = ""
    why: str = ""
    next_at_ms: int = 0
    is_said: bool = False


class Case(Struct, frozen=True, kw_only=True):
    """What is known when a call comes back. `later` are the actions that wait behind it."""

    entry: Entry
    lane: Lane
    later: Sequence[str]
    config: Receiver
    has_idempotency: bool
    now_ms: int


def answer(outcome: Outcome, case: Case) -> Answer:
    """Decide about the entry that was called."""
    match outcome:
        case Delivered():
            return _delivered(case)
        case Refused():
            return _closed(case, REFUSED, outcome.why)
        case Retry():
            return _failed(outcome, case)


def _delivered(case: Case) -> Answer:
    entry, lane = case.entry, case.lane
    is_overtaken = entry.started_at_ms < lane.late_until_ms and RESOLVE not in case.later
    if entry.notification.action == RESOLVE and is_overtaken and TRIGGER not in case.later:
        return Answer(next_at_ms=max(lane.late_until_ms, case.now_ms), is_said=True)
    is_doubtful = entry.is_ambiguous and not case.has_idempotency
    return Answer(result=DELIVERED, why=TWICE if is_doubtful else "")


def _failed(outcome: Retry, case: Case) -> Answer:
    entry, action = case.entry, case.entry.notification.action
    is_ambiguous = outcome.is_ambiguous or entry.is_ambiguous
    if action in {TRIGGER, ACKNOWLEDGE} and RESOLVE in case.later:
        if is_ambiguous:
            return Answer(result=AMBIGUOUS, why=MAY_HAVE_ARRIVED)
        return Answer(result=DROPPED, why=RESOLVED_MEANWHILE)
    if outcome.is_ambiguous and case.config.delivery == "at_most_once":
        return _closed(case, AMBIGUOUS, f"{outcome.why}; at_most_once forbids another call")
    if entry.is_said and case.later:
        return Answer(result=DELIVERED)
    if action != CHANGE and case.later and case.later[0] == action:
        return Answer(result=COLLAPSED, why=LATER_SAYS_IT)
    delay = delay_ms(entry.notification.notification_id, case.lane.failures + 1, outcome.after_s)
    next_at_ms = case.now_ms + delay
    if is_too_old(entry, case.config, next_at_ms):
        return _closed(case, REFUSED, gave_up(case.config, outcome.why))
    return Answer(next_at_ms=next_at_ms, why=outcome.why, is_said=entry.is_said)


def is_too_old(entry: Entry, config: Receiver, at_ms: int) -> bool:
    """Whether a call at `at_ms` would come after the receiver's `give_up`."""
    return at_ms - entry.queued_at_ms >= config.give_up


def gave_up(config: Receiver, why: str) -> str:
    """Say that it was tried for as long as the receiver asks."""
    if not config.sink:
        return UNDECLARED
    return f"given up after {Duration(config.give_up)}: {why or 'its turn never came'}"


def _closed(case: Case, result: str, why: str) -> Answer:
    """What was delivered once stays delivered, whatever becomes of saying it again."""
    if case.entry.is_said:
        return Answer(result=DELIVERED)
    return Answer(result=result, why=why)
