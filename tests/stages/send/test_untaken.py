"""What follows a trigger that never reached its receiver: nothing, as long as that is known."""

from __future__ import annotations

from pipeline.domain.sink import Delivered, Refused, Retry
from pipeline.stages.send.tables import LANES
from tests.stages.send.given import Delivery, told

TAKEN = Delivered(ref="ref-1", status=202)
FAILED = Retry(why="HTTP 503: down", status=503)


def test_a_trigger_is_not_repeated_once_a_resolve_waits() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger"))
    delivery.tell(told(2, "resolve"))
    delivery.answer(FAILED)
    assert delivery.receipts() == [(1, "dropped"), (2, "dropped")], "nothing to resolve"
    delivery.chain.advance("1h")
    assert delivery.called() == []


def test_a_resolve_that_waits_behind_a_refused_trigger_is_not_called() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger"), told(2, "resolve"))
    delivery.answer(Refused(why="no such key", status=400))
    assert delivery.called() == []
    assert delivery.receipts() == [(1, "refused"), (2, "dropped")]
    assert delivery.chain.table(LANES) == {}


def test_a_resolve_is_called_where_an_earlier_trigger_was_taken() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger"))
    delivery.answer(TAKEN)
    delivery.tell(told(2, "trigger"))
    delivery.answer(Refused(why="too odd", status=400))
    delivery.tell(told(3, "resolve"))
    assert delivery.called() == [("resolve", 3)]


def test_a_lane_whose_trigger_was_refused_is_forgotten_in_the_end() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger"))
    delivery.answer(Refused(why="no such key", status=400))
    delivery.chain.advance("31d")
    assert delivery.chain.table(LANES) == {}
    delivery.tell(told(2, "resolve"))
    assert delivery.called() == [("resolve", 2)], "nobody knows any more that it was refused"
