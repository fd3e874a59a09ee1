"""What a new notification does to those of its incident that still wait: collapse, drop, follow.

The rules, for one incident at one receiver; a call under way is never touched:
* the same action again takes the place of the one before it, if that still waits;
* a resolve drops the triggers and acknowledgements that still wait;
* a resolve that is only being said once more ends when anything follows it: said after a new
  trigger, it would resolve the wrong thing;
* a lane holds at most LANE_MAX: beyond it the oldest that a later one repeats is collapsed, and
  before that the oldest change is dropped.
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
    RESOLVE,
    TRIGGER,
)
from pipeline.stages.send.tables import CALLING, Entry

LANE_MAX: Final = 20

RESOLVED_MEANWHILE: Final = "the incident was resolved before it was sent"
LATER_SAYS_IT: Final = "a later notification of the incident says it"
LANE_FULL: Final = f"more than {LANE_MAX} notifications of the incident waited"
MAY_HAVE_ARRIVED: Final = "its call had no answer, and the incident was resolved meanwhile"


class Closing(Struct, frozen=True):
    """One notification that ends without a further call: its receipt's result and why."""

    sequence: int
    result: str
    why: str


class Arrival(Struct, frozen=True, kw_only=True):
    """What ends because of the new notification, the new one itself included."""

    closings: tuple[Closing, ...] = ()


def arrive(waiting: Sequence[Entry], new: Entry) -> Arrival:
    """Decide over the entries of a lane, in their order, and a new one behind them."""
    uncalled = [entry for entry in waiting if entry.state != CALLING]
    if new.notification.action == RESOLVE:
        return _resolve(waiting, uncalled)
    closings = [
        Closing(entry.notification.sequence, DELIVERED, "") for entry in uncalled if entry.is_said
    ]
    uncalled = [entry for entry in uncalled if not entry.is_said]
    last = uncalled[-1] if uncalled else None
    if last is not None and _repeats(last, new):
        closings.append(Closing(last.notification.sequence, COLLAPSED, LATER_SAYS_IT))
    elif len(waiting) - len(closings) >= LANE_MAX:
        closings.append(_surplus(uncalled))
    return Arrival(closings=tuple(closings))


def _resolve(waiting: Sequence[Entry], uncalled: Sequence[Entry]) -> Arrival:
    closings: list[Closing] = []
    for entry in uncalled:
        told = entry.notification
        if told.action in {TRIGGER, ACKNOWLEDGE}:
            if entry.is_ambiguous:
                closings.append(Closing(told.sequence, AMBIGUOUS, MAY_HAVE_ARRIVED))
            else:
                closings.append(Closing(told.sequence, DROPPED, RESOLVED_MEANWHILE))
        elif told.action == RESOLVE:
            said = (DELIVERED, "") if entry.is_said else (COLLAPSED, LATER_SAYS_IT)
            closings.append(Closing(told.sequence, *said))
    if len(waiting) - len(closings) >= LANE_MAX:
        closings.append(_surplus([e for e in uncalled if e.notification.action == CHANGE]))
    return Arrival(closings=tuple(closings))


def _repeats(last: Entry, new: Entry) -> bool:
    action = new.notification.action
    return action != CHANGE and last.notification.action == action


def _surplus(uncalled: Sequence[Entry]) -> Closing:
    """The entry that a full lane can best do without."""
    for entry in uncalled:
        if entry.notification.action == CHANGE:
            return Closing(entry.notification.sequence, DROPPED, LANE_FULL)
    later = {entry.notification.action: entry for entry in uncalled}
    found = next(e for e in uncalled if later[e.notification.action] is not e)
    return Closing(found.notification.sequence, COLLAPSED, LANE_FULL)
