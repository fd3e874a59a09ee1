"""The tables of `send`: the outbox, its lanes, the receivers and their queues.

A **lane** is one incident at one receiver: it keeps the order. A **ticket** is a lane's place in
the queue of its receiver; tickets are numbered, so the next one is found without a scan. A
ticket whose lane has gone on is passed over.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.domain.notification import Notification
from pipeline.domain.stage import TableSpec, before_slash

QUEUED: Final = "queued"
CALLING: Final = "calling"
WAITING: Final = "waiting"

URGENT: Final = "urgent"
CALM: Final = "calm"
"""The two queues of a receiver: pages nobody has seen yet, and everything else."""

CALM_SEVERITIES: Final = frozenset({"info", "warning"})
"""A first page of these waits with everything else: behind a limit of 120 a minute, hundreds of
them would keep a critical one waiting. An unknown severity counts as urgent."""


class Entry(Struct, frozen=True, kw_only=True, array_like=True):
    """One notification on its way. Instants are 0 where they do not apply.

    `state`: queued (not called yet), calling (`attempt` was begun by `slot` at `started_at_ms`),
    waiting (called, and not before `next_at_ms` again). `is_ambiguous`: a call had no answer, so
    it may have arrived. `is_said`: delivered once, and about to be said once more. `ref` is
    what the receiver gave back for this incident before.
    """

    notification: Notification
    state: str = QUEUED
    queued_at_ms: int = 0
    attempt: int = 0
    slot: str = ""
    started_at_ms: int = 0
    next_at_ms: int = 0
    is_ambiguous: bool = False
    is_said: bool = False
    ref: str = ""
    status_code: int = 0
    why: str = ""


class Lane(Struct, frozen=True, kw_only=True, array_like=True):
    """What is under way for one incident at one receiver, the first entry first.

    `is_told`: a trigger reached the receiver, or may have, and no resolve has since.
    `is_untaken`: one ended without having reached it. A trigger whose outcome is not known may
    arrive until `late_until_ms`, such a resolve until `quiet_until_ms`: no trigger is called
    before. `failures` counts calls that failed in a row; before `next_at_ms` none is begun.
    `ticket` 0: not queued.
    """

    sequences: tuple[int, ...] = ()
    sequence_max: int = 0
    ref: str = ""
    is_told: bool = False
    late_until_ms: int = 0
    quiet_until_ms: int = 0
    failures: int = 0
    next_at_ms: int = 0
    queue: str = CALM
    ticket: int = 0
    wake_at_ms: int = 0
    used_at_ms: int = 0
    is_untaken: bool = False


class ReceiverState(Struct, frozen=True, kw_only=True, array_like=True):
    """What is known of a receiver: load, health, and the ends of its two queues.

    `window` is (bucket, calls) per bucket of the rate's window. A breaker is open while
    `open_until_ms` is set; `opens` counts openings in a row.
    """

    count: int = 0
    in_flight: int = 0
    window: tuple[tuple[int, int], ...] = ()
    failures: int = 0
    opens: int = 0
    open_until_ms: int = 0
    is_probing: bool = False
    throttles: int = 0
    paused_until_ms: int = 0
    urgent: tuple[int, int] = (1, 1)
    calm: tuple[int, int] = (1, 1)
    turn: int = 0
    wake_at_ms: int = 0


class Ticket(Struct, frozen=True, array_like=True):
    """A lane's place in a queue."""

    incident_id: str


OUTBOX: Final = TableSpec(name="outbox", type=Entry, owner=before_slash)
"""Key: `outbox_key`. A row that became `calling` is performed after the commit."""

LANES: Final = TableSpec(name="lanes", type=Lane, owner=before_slash)
"""Key: `<receiver>/<incident_id>`."""

RECEIVERS: Final = TableSpec(name="receivers", type=ReceiverState, owner=before_slash)
"""Key: the receiver's name."""

TICKETS: Final = TableSpec(name="tickets", type=Ticket, owner=before_slash)
"""Key: `<receiver>/<queue>/<number>`."""


def outbox_key(receiver: str, incident_id: str, sequence: int) -> str:
    """The key of an entry: `<receiver>/<incident_id>/<sequence>`, in the order of sequences."""
    return f"{receiver}/{incident_id}/{sequence:08d}"


def entry_key(entry: Entry) -> str:
    """The key under which an entry stands in OUTBOX, and its calls' results name it."""
    told = entry.notification
    return outbox_key(told.receiver, told.incident_id, told.sequence)
