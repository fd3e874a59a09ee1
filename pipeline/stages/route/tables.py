"""Tables of `route`: which incidents inhibit others, whom they hold back, how long some last."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.domain.stage import TableSpec, before_slash


class Fact(Struct, frozen=True, array_like=True):
    """That an alert matches the source of an inhibition: which one, the values of the labels
    that must be equal, and whether it matches the target as well.
    """

    inhibition_id: str
    equal: tuple[str, ...]
    is_target: bool


class Source(Struct, frozen=True, array_like=True):
    """What one open incident inhibits by; key `<scope_id>/<incident_id>`."""

    facts: tuple[Fact, ...]


class HeldBack(Struct, frozen=True, array_like=True):
    """That one incident was held back by another; key `<scope_id>/<source>/<incident_id>`."""

    since_ms: int


class LastedRow(Struct, frozen=True, array_like=True):
    """How many incidents of one kind were over how soon; key `<scope_id>/<kind>`."""

    counts: tuple[int, ...]


SOURCES: Final = TableSpec(name="inhibiting", type=Source, owner=before_slash)
HELD_BACK: Final = TableSpec(name="inhibited", type=HeldBack, owner=before_slash)
LASTED: Final = TableSpec(name="lasted", type=LastedRow, owner=before_slash)
