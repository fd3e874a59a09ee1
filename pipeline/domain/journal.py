"""JournalRecord: what one epoch read, in which order, at what time; replay stands on it."""

from __future__ import annotations

from msgspec import Struct, field


class Segment(Struct, frozen=True):
    """A run of records read from one partition: from `start` up to, not including, `end`."""

    topic: str
    partition: int
    start: int
    end: int


class JournalRecord(Struct, frozen=True, kw_only=True):
    """One epoch of one task (`<agent>-<partition>`).

    `results` are the answers of receivers that entered the epoch, encoded: they stand on no
    topic. `globals` is the next offset of each global's topic. `digest` is the hex BLAKE2b
    of the outputs and changes, `topology` the hash of the rules, `slot` the worker's name for this
    run, which outbox entries carry. `is_burial`: its one record was dead-lettered unrun.
    """

    task: str
    epoch: int
    now_ms: int
    segments: tuple[Segment, ...] = ()
    results: tuple[bytes, ...] = ()
    globals: dict[str, int] = field(default_factory=dict)
    topology: str = ""
    slot: str = ""
    digest: str = ""
    outputs: int = 0
    is_burial: bool = False
