"""Whether a new notification gets into the outbox, and what its receipt says where it does not.

A first trigger and a resolve are worth more than what repeats or adorns them: from `outbox_max`
on only those two get in. From twice that on nothing does, and the receipt says `refused`, so
that no page is lost in silence.
"""

from __future__ import annotations

from msgspec import Struct

from pipeline.domain.notification import DROPPED, REFUSED, RESOLVE, TRIGGER, Notification
from pipeline.stages.send.config import Receiver
from pipeline.stages.send.tables import Lane

DRY_RUN: str = "dry run"
UNDECLARED: str = "the receiver is not declared in topology.yaml"


class Admission(Struct, frozen=True):
    """`result` "" lets it in; `known` has been in already and gets no second receipt."""

    result: str = ""
    why: str = ""


ADMITTED = Admission()
KNOWN = Admission("known")


def admit(
    told: Notification, config: Receiver | None, lane: Lane, count: int, *, is_dry: bool
) -> Admission:
    """Decide over a notification, with `count` others in the receiver's outbox."""
    if config is None:
        return Admission(REFUSED, UNDECLARED)
    if is_dry:
        return Admission(DROPPED, DRY_RUN)
    if told.sequence <= lane.sequence_max:
        return KNOWN
    if count >= 2 * config.outbox_max:
        return Admission(REFUSED, f"{count} notifications wait in the receiver's outbox")
    is_first = told.action == TRIGGER and not lane.is_told and not lane.sequences
    if count >= config.outbox_max and not is_first and told.action != RESOLVE:
        return Admission(DROPPED, f"{count} notifications wait in the receiver's outbox")
    return ADMITTED
