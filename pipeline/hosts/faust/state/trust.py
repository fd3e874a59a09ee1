"""Trust: whether what a store on disk says of itself fits the changelog as it now is.

A compacted log forgets a deleted key some time after its tombstone was written. A store that is
older would keep that key for ever: it is not brought up to date, it is built anew.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from pipeline.domain.store import Checkpoint

FORMAT: Final = 1
"""The version of what stands in a store's folder."""

DAMAGED: Final = "damaged"
OTHER_FORMAT: Final = "other-format"
OTHER_TOPIC: Final = "other-topic"
OUTSIDE_LOG: Final = "outside-log"
TOO_OLD: Final = "too-old"
"""Why a folder was set aside, as its new name says it."""


class Changelog(Struct, frozen=True, kw_only=True):
    """A changelog partition as the broker describes it now: Kafka's id of the topic as text, the
    first retained and the next offset, and how long it keeps tombstones.
    """

    topic_id: str
    first: int
    next: int
    delete_retention_ms: int


class Stored(Struct, frozen=True, kw_only=True):
    """What a store says of itself: it holds all of the log up to `position`, the next offset to
    be applied, as it was at `written_at_ms`.
    """

    topic_id: str
    position: int
    written_at_ms: int
    checkpoint: Checkpoint
    format: int = FORMAT


class _Format(Struct):
    format: int


def decode_stored(raw: bytes) -> Stored | str:
    """What stands in the store, or the reason why it cannot be used."""
    try:
        if msgspec.msgpack.decode(raw, type=_Format).format != FORMAT:
            return OTHER_FORMAT
        return msgspec.msgpack.decode(raw, type=Stored)
    except msgspec.DecodeError:
        return DAMAGED


def distrust(stored: Stored, log: Changelog, now_ms: int) -> str:
    """The reason why a store cannot be brought up to date from the log; empty where it can.

    Half of the time that tombstones are kept is left for the restore itself. A store from the
    future is as far from now as one from the past: one of the two clocks was wrong.
    """
    if stored.topic_id != log.topic_id:
        return OTHER_TOPIC
    if not log.first <= stored.position <= log.next:
        return OUTSIDE_LOG
    if abs(now_ms - stored.written_at_ms) >= log.delete_retention_ms / 2:
        return TOO_OLD
    return ""
