"""What a call's outcome says about its lane, and when a lane may call again."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from pipeline.domain.notification import ACKNOWLEDGE, DROPPED, REFUSED, RESOLVE, TRIGGER
from pipeline.domain.sink import Delivered, Outcome, Retry
from pipeline.stages.send.config import CALL_DEADLINE_MS
from pipeline.stages.send.tables import QUEUED, Entry, Lane

MARGIN_MS: Final = 1_000
"""So long after its deadline nothing of a call can be on its way, also where the commit that
began it took its time."""

LOST_AFTER_MS: Final = 30_000
"""A call of this worker that brought no result for so long counts as ambiguous."""

FORGET_AFTER_MS: Final = 30 * 86_400_000
"""A lane without any notification for so long is forgotten, with the receiver's reference."""

NEVER_TOLD: Final = "the trigger never reached the receiver, so there is nothing to follow it"


def over_at_ms(entry: Entry) -> int:
    """When nothing of an entry's last call can be on its way any more."""
    return entry.started_at_ms + CALL_DEADLINE_MS + MARGIN_MS


def overdue_at_ms(entry: Entry, slot: str) -> int:
    """When a call without a result counts as ambiguous: another worker's as soon as it is over,
    one of this worker (`slot`) after a while, since its result is still to come.
    """
    return entry.started_at_ms + LOST_AFTER_MS if entry.slot == slot else over_at_ms(entry)


def look_at_ms(entry: Entry, slot: str, now_ms: int) -> int:
    """When to look at a call under way. The first look is early whoever began it: by then
    another worker may own the lane.
    """
    over_ms = over_at_ms(entry)
    return over_ms if over_ms > now_ms else overdue_at_ms(entry, slot)


def idle_until_ms(lane: Lane, now_ms: int) -> int:
    """How long a lane with nothing under way is kept; 0: not at all."""
    if lane.is_told or lane.is_untaken:
        return lane.used_at_ms + FORGET_AFTER_MS
    return lane.quiet_until_ms if lane.quiet_until_ms > now_ms else 0


def ready_at_ms(lane: Lane, head: Entry) -> int:
    """When the first entry of a lane may be called, as far as the lane is concerned."""
    is_trigger = head.notification.action == TRIGGER
    return max(lane.next_at_ms, lane.quiet_until_ms if is_trigger else 0)


def is_needless(lane: Lane, head: Entry) -> bool:
    """Whether the first entry would follow up on what the receiver was never told."""
    is_following = head.notification.action in {ACKNOWLEDGE, RESOLVE} and head.state == QUEUED
    return is_following and lane.is_untaken and not lane.is_told


def closed(lane: Lane, entry: Entry, result: str) -> Lane:
    """The lane without an entry that ends, and what its end says."""
    told = entry.notification
    lane = replace(lane, sequences=tuple([s for s in lane.sequences if s != told.sequence]))
    if told.action == TRIGGER and result in {REFUSED, DROPPED}:
        return replace(lane, is_untaken=True)
    return replace(lane, is_untaken=False) if told.action == RESOLVE else lane


def learned(lane: Lane, entry: Entry, outcome: Outcome) -> Lane:
    """What a call's outcome says about the lane."""
    action = entry.notification.action
    if isinstance(outcome, Retry):
        lane = replace(lane, failures=lane.failures + 1)
        if not outcome.is_ambiguous:
            return lane
        until_ms = over_at_ms(entry)
        if action == TRIGGER:
            return replace(lane, is_told=True, late_until_ms=until_ms)
        return replace(lane, quiet_until_ms=until_ms) if action == RESOLVE else lane
    lane = replace(lane, failures=0, next_at_ms=0)
    if isinstance(outcome, Delivered):
        is_told = lane.is_told or action == TRIGGER
        return replace(lane, is_told=is_told, ref=outcome.ref or lane.ref)
    return lane
