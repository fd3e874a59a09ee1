"""What can only be written at the end of an epoch is still the fault of the event that did it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct

from pipeline.domain.alert import Alert
from pipeline.domain.errors import EpochRefused
from pipeline.domain.reason import FACT_SIZE_MAX, Reason
from pipeline.domain.record import TRACE
from pipeline.domain.stage import Context, TableSpec, Update
from pipeline.engine.agent import SIZE_BYTES_MAX
from tests.chain import Chain
from tests.engine.toys import alert, incident


class Number(Struct, frozen=True):
    """Any integer, also one that no row can hold."""

    n: int


NUMBERS = TableSpec(name="numbers", type=Number)
WHY = Reason("odd.why", "{what}")


class Odd:
    """Counts alerts by name, and does something odd to those that are named `odd`."""

    name = "odd"
    accepts = (Alert,)
    tables: tuple[TableSpec[Any], ...] = (NUMBERS,)

    def __init__(self, oddity: Callable[[Context], None]) -> None:
        self._oddity = oddity

    def process(self, event: Alert, ctx: Context) -> None:
        """Count; the odd one is odd only in what is written later."""
        before = ctx.table(NUMBERS).get(event.name)
        ctx.table(NUMBERS).put(event.name, Number(1 if before is None else before.n + 1))
        if event.name == "odd":
            self._oddity(ctx)

    def wake(self, key: str, ctx: Context) -> None:
        """Asks for none."""


def too_large_for_a_row(ctx: Context) -> None:
    ctx.table(NUMBERS).put("large", Number(2**70))


def key_that_is_no_text(ctx: Context) -> None:
    ctx.table(NUMBERS).put("\ud800", Number(1))


def output_key_that_is_no_text(ctx: Context) -> None:
    ctx.emit("receipts", "\ud800", alert("x"))


def wake_key_that_is_no_text(ctx: Context) -> None:
    ctx.wake_at("\ud800", 5)


def too_large_incident(ctx: Context) -> None:
    grown = incident("s.1", 1, title="x" * 2_000_000)
    ctx.forward(Update(incident=grown, cause=alert("odd")))


def too_large_audit(ctx: Context) -> None:
    facts = SIZE_BYTES_MAX // FACT_SIZE_MAX + 1
    ctx.reason(WHY, **{f"fact{n}": "x" * FACT_SIZE_MAX for n in range(facts)})


@pytest.mark.parametrize(
    "oddity",
    [
        too_large_for_a_row,
        key_that_is_no_text,
        output_key_that_is_no_text,
        wake_key_that_is_no_text,
        too_large_incident,
        too_large_audit,
    ],
)
def test_what_cannot_be_written_is_dead_lettered_alone(oddity: Callable[[Context], None]) -> None:
    chain = Chain([Odd(oddity)])
    names = ("a", "odd", "a")
    effects = chain.run([chain.record("alerts", name, alert(name)) for name in names])
    assert effects.raised == 1
    assert chain.table(NUMBERS) == {"a": Number(2)}
    (letter,) = chain.outputs("dead-letters")
    assert (letter.offset, letter.reason) == (1, "raised")
    assert chain.outputs("incidents") == []


def test_a_poison_event_leaves_no_header_on_the_incident() -> None:
    def forwards(event: Alert, ctx: Context) -> None:
        ctx.forward(Update(incident=incident("s.1", 1), cause=event))
        if event.name == "odd":
            raise ValueError("after having forwarded")

    stage = Odd(lambda _: None)
    stage.process = forwards  # type: ignore[method-assign]
    chain = Chain([stage])
    effects = chain.run(
        [
            chain.record("alerts", "a", alert("a"), {TRACE: "good"}),
            chain.record("alerts", "odd", alert("odd"), {TRACE: "poison"}),
        ]
    )
    (told,) = [output for output in effects.outputs if output.topic == "incidents"]
    assert told.headers[TRACE] == "good"


def test_an_epoch_that_cannot_be_closed_halts_its_task_and_nothing_else() -> None:
    def broken(_epoch: object) -> None:
        raise ZeroDivisionError("the end of the chain is broken")

    chain = Chain([Odd(lambda _: None)])
    chain.task._keep.flush = broken  # type: ignore[union-attr,method-assign]
    with pytest.raises(EpochRefused, match="the end of the chain is broken"):
        chain.send("alerts", "a", alert("a"))
    assert chain.table(NUMBERS) == {}
