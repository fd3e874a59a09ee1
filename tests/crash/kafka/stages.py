"""Stages of the crash tests: two folds in a chain of agents, with poison, bad events and wakes.

Everything they do can be foretold from the input alone, record by record: that is what makes the
oracle possible. They are ordinary stages of the contract; no topology.yaml knows them.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from pipeline.domain.deadletter import DeadLetter, Rejected
from pipeline.domain.journal import JournalRecord
from pipeline.domain.raw import RawAlert
from pipeline.domain.stage import Context, Event, TableSpec
from pipeline.engine import Agent

IN: Final = "orders"
MID: Final = "rows"
OUT: Final = "sums"
FIRED: Final = "fired"


class Order(Struct, frozen=True):
    """One input: `kind` is plain, wake (wake me `after_ms` later), poison (raises after it has
    done everything else) or bad (is rejected).
    """

    id: str
    value: int
    kind: str = "plain"
    after_ms: int = 0


class Row(Struct, frozen=True):
    """One output: the input's id and the fold of its key as it is after it."""

    id: str
    key: str
    value: int
    count: int
    first: int
    last: int
    greatest: int


class Fired(Struct, frozen=True):
    """A wake that ran: for which input, what it asked for, and when it was."""

    id: str
    key: str
    asked_at_ms: int
    fired_at_ms: int


class Fold(Struct, frozen=True):
    """What is known of one key."""

    count: int
    first: int
    last: int
    greatest: int


class Waiting(Struct, frozen=True):
    """An input that asked to be woken."""

    key: str
    at_ms: int


TOPICS: Final[dict[str, type[Event]]] = {
    IN: RawAlert,
    MID: Row,
    OUT: Row,
    FIRED: Fired,
    "dead-letters": DeadLetter,
    "journal": JournalRecord,
}
"""The type of the values on each topic."""

FOLDS: Final = TableSpec(name="folds", type=Fold)
WAITING: Final = TableSpec(name="waiting", type=Waiting)
SUMS: Final = TableSpec(name="sums", type=Fold)

_order: Final = msgspec.json.Decoder(Order)


def folded(before: Fold | None, value: int) -> Fold:
    """The fold with one more value."""
    if before is None:
        return Fold(1, value, value, value)
    return Fold(before.count + 1, before.first, value, max(before.greatest, value))


class Folding:
    """The first agent's stage: JSON in, fold per key, one row out."""

    name = "folding"
    accepts = (RawAlert,)
    tables: tuple[TableSpec[Any], ...] = (FOLDS, WAITING)

    def process(self, event: RawAlert, ctx: Context) -> None:
        """Fold and emit; what the kind asks for comes last, so that poison has all to undo."""
        order = _order.decode(event.value)
        if order.kind == "bad":
            ctx.forward(Rejected(reason="bad", detail="as it was asked"))
            return
        table = ctx.table(FOLDS)
        fold = folded(table.get(event.key), order.value)
        table.put(event.key, fold)
        ctx.emit(MID, event.key, row(order.id, event.key, order.value, fold))
        if order.kind in {"wake", "poison"}:
            at_ms = ctx.now_ms + order.after_ms
            ctx.table(WAITING).put(order.id, Waiting(event.key, at_ms))
            ctx.wake_at(order.id, at_ms)
        if order.kind == "poison":
            raise ValueError(f"{order.id} is poison")

    def wake(self, key: str, ctx: Context) -> None:
        """Say that it fired, once, and forget it."""
        waiting = ctx.table(WAITING).get(key)
        assert waiting is not None
        ctx.table(WAITING).delete(key)
        ctx.emit(FIRED, waiting.key, Fired(key, waiting.key, ctx.timestamp_ms, ctx.now_ms))


class Summing:
    """The second agent's stage: the same fold again, over what the first one wrote."""

    name = "summing"
    accepts = (Row,)
    tables: tuple[TableSpec[Any], ...] = (SUMS,)

    def process(self, event: Row, ctx: Context) -> None:
        """Fold and emit."""
        table = ctx.table(SUMS)
        fold = folded(table.get(event.key), event.value)
        table.put(event.key, fold)
        ctx.emit(OUT, event.key, row(event.id, event.key, event.value, fold))

    def wake(self, key: str, ctx: Context) -> None:
        """Nothing: it asks for none."""


def row(order_id: str, key: str, value: int, fold: Fold) -> Row:
    """The row that says what the fold is now."""
    return Row(order_id, key, value, fold.count, fold.first, fold.last, fold.greatest)


def agents() -> tuple[Agent, Agent]:
    """Both agents, in stream order."""
    first = Agent(name="fold", stages=(Folding(),), reads={IN: RawAlert}, writes=(MID, FIRED))
    return first, Agent(name="sum", stages=(Summing(),), reads={MID: Row}, writes=(OUT,))
