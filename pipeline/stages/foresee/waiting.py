"""Answers that wait until it is known what became of them. Pure.

An answer foretold what opens within HORIZON_MS after it, and was harmless when nothing did. At the
limit of WAITING_MAX the oldest is forgotten: nothing is learned from it.
"""

from __future__ import annotations

import struct
from typing import Final

from msgspec import Struct

from pipeline.domain.foresight import HORIZON_MS
from pipeline.domain.model import Features

WAITING_MAX: Final = 8
"""A horizon is six steps long; two more for wakes that come early."""


class Answer(Struct, frozen=True, array_like=True):
    """What was answered at an instant, by which version of the model ("": none was asked), and on
    which features: rows as little-endian uint16, the dense figures as float64.
    """

    at_ms: int
    version: str
    is_feared: bool
    rows: bytes
    dense: bytes


Waiting = tuple[Answer, ...]
"""The oldest first."""


def answer(features: Features, at_ms: int, version: str = "", *, is_feared: bool = False) -> Answer:
    """An answer given at an instant; `is_feared`: an incident was thought likelier than not."""
    rows, dense = features.rows, features.dense
    return Answer(
        at_ms,
        version,
        is_feared,
        struct.pack(f"<{len(rows)}H", *rows),
        struct.pack(f"<{len(dense)}d", *dense),
    )


def features_of(given: Answer) -> Features:
    """On what an answer was given, without names."""
    return Features(
        struct.unpack(f"<{len(given.rows) // 2}H", given.rows),
        struct.unpack(f"<{len(given.dense) // 8}d", given.dense),
    )


def with_answer(waiting: Waiting, given: Answer) -> Waiting:
    """With one more that waits."""
    return (*waiting[1 - WAITING_MAX :], given)


def settled(waiting: Waiting, now_ms: int) -> tuple[Waiting, Waiting]:
    """(those that go on waiting, those that were harmless) when nothing opened until now."""
    harmless = tuple([each for each in waiting if each.at_ms + HORIZON_MS <= now_ms])
    return waiting[len(harmless) :], harmless


def came(waiting: Waiting, at_ms: int) -> tuple[Waiting, Waiting, Waiting]:
    """(those that go on waiting, that foretold it, that were harmless) when an incident opens:
    who was asked then or later has not foretold it.
    """
    later = tuple([each for each in waiting if each.at_ms >= at_ms])
    before = waiting[: len(waiting) - len(later)]
    harmless = tuple([each for each in before if each.at_ms < at_ms - HORIZON_MS])
    return later, before[len(harmless) :], harmless
