"""What `send` calls and which receipts it gives, on a real task with results given by hand."""

from __future__ import annotations

import pytest

from pipeline.domain.notification import Receipt
from pipeline.domain.sink import Delivered, Refused, Retry
from pipeline.domain.units import Duration, Rate
from pipeline.stages.send.tables import LANES, OUTBOX, RECEIVERS, TICKETS
from tests.stages.send.given import Delivery, hook, pager, told

TAKEN = Delivered(ref="ref-1", status=202)
FAILED = Retry(why="HTTP 503: down", status=503)
NO_ANSWER = Retry(why="no answer", is_ambiguous=True)
THROTTLED = Retry(why="HTTP 429: slow down", status=429, is_throttled=True)


def test_a_notification_is_called_and_ends_in_its_receipt() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger", received_at_ms=7, trace_id="t"))
    (entry,) = delivery.calls()
    assert (entry.attempt, entry.slot, entry.started_at_ms) == (1, "a", delivery.chain.now_ms)
    assert delivery.receipts() == []
    delivery.answer(TAKEN)
    (receipt,) = delivery.chain.outputs("receipts")
    assert receipt == Receipt(
        notification_id="00000000000000aa.1/on-call/1",
        incident_id="00000000000000aa.1",
        scope_id="00000000000000aa",
        tenant="default",
        receiver="on-call",
        sequence=1,
        action="trigger",
        result="delivered",
        ref="ref-1",
        attempts=1,
        status_code=202,
        at_ms=delivery.chain.now_ms,
        received_at_ms=7,
        trace_id="t",
    )
    assert delivery.chain.table(OUTBOX) == {}
    delivery.tell(told(2, "resolve"))
    assert delivery.calls()[0].ref == "ref-1"
    delivery.answer(TAKEN)
    assert delivery.receipts() == [(2, "delivered")]
    assert delivery.chain.table(LANES) == {}
    assert delivery.chain.table(TICKETS) == {}
    assert delivery.chain.table(RECEIVERS)["on-call"].count == 0


def test_one_call_at_a_time_per_incident_and_in_order() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger"), told(2, "acknowledge"))
    delivery.tell(told(1, "trigger", incident_id="00000000000000aa.2"))
    assert delivery.called() == [("trigger", 1), ("trigger", 1)]
    first = delivery.calls()[0]
    delivery.answer(TAKEN, first)
    assert delivery.called() == [("acknowledge", 2), ("trigger", 1)]


def test_a_failed_call_is_repeated_after_a_backoff() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger"))
    delivery.answer(FAILED)
    assert delivery.called() == []
    delivery.chain.advance("2s")
    assert delivery.calls()[0].attempt == 2
    delivery.answer(TAKEN)
    assert delivery.receipts() == [(1, "delivered")]


def test_what_the_receiver_asks_for_is_waited() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger"))
    delivery.answer(Retry(why="HTTP 503", status=503, after_s=100))
    delivery.chain.advance("99s")
    assert delivery.called() == []
    delivery.chain.advance("1s")
    assert delivery.called() == [("trigger", 1)]


def test_queued_triggers_collapse_into_the_latest() -> None:
    delivery = Delivery(config=pager(rate=Rate.parse("1/m")))
    delivery.tell(told(1, "trigger", incident_id="00000000000000aa.9"))
    delivery.tell(told(1, "trigger"), told(2, "trigger"), told(3, "trigger"))
    assert delivery.receipts() == [(1, "collapsed"), (2, "collapsed")]
    delivery.answer(TAKEN)
    delivery.chain.advance("62s")
    assert delivery.called() == [("trigger", 3)]


def test_what_resolved_while_the_receiver_was_down_is_never_paged() -> None:
    delivery = Delivery()
    ids = [f"00000000000000aa.{n}" for n in range(50)]
    for incident_id in ids:
        delivery.tell(told(1, "trigger", incident_id=incident_id))
        for entry in delivery.calls():
            delivery.answer(Retry(why="refused", status=0), entry)
    for _ in range(240):
        for entry in delivery.calls():
            delivery.answer(Retry(why="refused", status=0), entry)
        delivery.chain.advance("15s")
    for incident_id in ids[10:]:
        delivery.tell(told(2, "resolve", incident_id=incident_id))
    for entry in delivery.calls():
        delivery.answer(Retry(why="refused", status=0), entry)
    paged = []
    for _ in range(100):
        for entry in delivery.calls():
            paged.append(entry.notification.incident_id)
            delivery.answer(TAKEN, entry)
        delivery.chain.advance("1m")
    assert sorted(paged) == sorted(ids[:10])
    results = [r.result for r in delivery.chain.outputs("receipts")]
    assert (results.count("delivered"), results.count("dropped"), len(results)) == (10, 80, 90)
    assert delivery.chain.table(OUTBOX) == {}


def test_the_resolve_of_an_ambiguous_trigger_is_said_twice() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger"))
    delivery.tell(told(2, "resolve"))
    delivery.answer(NO_ANSWER)
    assert delivery.receipts() == [(1, "ambiguous")]
    delivery.chain.advance("2s")
    delivery.answer(TAKEN)
    assert delivery.receipts() == []
    delivery.chain.advance("3s")
    assert delivery.called() == []
    delivery.chain.advance("1s")
    delivery.answer(TAKEN)
    assert delivery.receipts() == [(2, "delivered")]
    assert delivery.chain.table(LANES) == {}


def test_a_resolve_long_after_an_ambiguous_trigger_is_said_once() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger"))
    delivery.answer(NO_ANSWER)
    delivery.chain.advance("10s")
    delivery.answer(TAKEN)
    delivery.tell(told(2, "resolve"))
    delivery.answer(TAKEN)
    assert delivery.receipts() == [(1, "delivered"), (2, "delivered")]


def test_a_trigger_waits_until_an_ambiguous_resolve_can_no_longer_arrive() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger"))
    delivery.answer(TAKEN)
    delivery.tell(told(2, "resolve"))
    delivery.answer(NO_ANSWER)
    delivery.chain.advance("2s")
    delivery.answer(TAKEN)
    assert delivery.receipts() == [(1, "delivered"), (2, "delivered")]
    delivery.tell(told(3, "trigger"))
    delivery.chain.advance("3s")
    assert delivery.called() == []
    delivery.chain.advance("1s")
    assert delivery.called() == [("trigger", 3)]
    delivery.answer(TAKEN)
    assert delivery.receipts() == [(3, "delivered")]


def test_a_resolve_is_not_said_again_once_the_incident_is_open_anew() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger"))
    delivery.tell(told(2, "resolve"))
    delivery.answer(NO_ANSWER)
    delivery.chain.advance("2s")
    delivery.answer(TAKEN)
    delivery.tell(told(3, "trigger"))
    assert delivery.receipts() == [(1, "ambiguous"), (2, "delivered")]
    assert delivery.called() == [("trigger", 3)]


@pytest.mark.parametrize("is_resolved", [False, True])
def test_an_inherited_call_is_repeated_only_after_its_deadline(*, is_resolved: bool) -> None:
    delivery = Delivery(slot="a")
    delivery.tell(told(1, "trigger"))
    delivery.restart("b")
    if is_resolved:
        delivery.tell(told(2, "resolve"))
    delivery.chain.advance(5_999)
    assert delivery.calls()[0].slot == "a"
    delivery.chain.advance("2s")
    (entry,) = delivery.calls()
    assert entry.slot == "b"
    if is_resolved:
        assert entry.notification.action == "resolve"
        assert delivery.receipts() == [(1, "ambiguous")]
    else:
        assert (entry.notification.action, entry.attempt) == ("trigger", 2)
    delivery.answer(TAKEN)


def test_a_call_of_this_worker_without_a_result_is_repeated_in_the_end() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger"))
    (lost,) = delivery.calls()
    delivery.chain.advance("29s")
    assert delivery.calls() == [lost]
    delivery.chain.advance("3s")
    assert delivery.calls()[0].attempt == 2
    delivery.answer(TAKEN, lost)
    assert delivery.calls()[0].attempt == 2
    assert delivery.chain.reasons["send.late-result"] == 1


def test_at_most_once_leaves_an_ambiguous_call_alone() -> None:
    delivery = Delivery(config=hook(delivery="at_most_once"))
    delivery.tell(told(1, "trigger"))
    delivery.answer(NO_ANSWER)
    assert delivery.receipts() == [(1, "ambiguous")]
    delivery.tell(told(2, "trigger", incident_id="00000000000000aa.2"))
    delivery.answer(FAILED)
    assert delivery.receipts() == []


def test_a_refusal_ends_it() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger"))
    delivery.answer(Refused(why="no such key", status=400))
    (receipt,) = delivery.chain.outputs("receipts")
    assert (receipt.result, receipt.why, receipt.status_code) == ("refused", "no such key", 400)


def test_it_is_given_up_in_the_end_and_somebody_sees_it() -> None:
    delivery = Delivery(config=pager(give_up=Duration.parse("10m")))
    delivery.tell(told(1, "trigger"))
    for _ in range(60):
        for entry in delivery.calls():
            delivery.answer(FAILED, entry)
        delivery.chain.advance("30s")
    (receipt,) = delivery.chain.outputs("receipts")
    assert receipt.result == "refused"
    assert receipt.why == "given up after 10m: HTTP 503: down"
    assert receipt.attempts > 5


def test_a_dry_run_decides_and_calls_nothing() -> None:
    delivery = Delivery(is_dry=True)
    delivery.tell(told(1, "trigger"))
    (receipt,) = delivery.chain.outputs("receipts")
    assert (receipt.result, receipt.why) == ("dropped", "dry run")
    assert delivery.calls() == []


def test_a_dry_run_leaves_alone_what_waits_from_before() -> None:
    delivery = Delivery(config=pager(in_flight_max=1))
    delivery.tell(told(1, "trigger"), told(1, "trigger", incident_id="00000000000000aa.2"))
    delivery.restart("dry", is_dry=True)
    delivery.chain.advance("1h")
    assert delivery.calls() == []
    assert delivery.receipts() == []
    delivery.restart("b")
    delivery.chain.advance("2m")
    delivery.answer(TAKEN)
    delivery.answer(TAKEN)
    assert delivery.receipts() == [(1, "delivered"), (1, "delivered")]


def test_a_receiver_that_is_not_declared_refuses() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger", receiver="nobody"))
    (receipt,) = delivery.chain.outputs("receipts")
    assert (receipt.result, "not declared" in receipt.why) == ("refused", True)


def test_what_waits_for_a_receiver_that_is_gone_is_refused() -> None:
    delivery = Delivery(config=pager(in_flight_max=1))
    for n in range(3):
        delivery.tell(told(1, "trigger", incident_id=f"00000000000000aa.{n}"))
    delivery.receivers = {"other": pager()}
    delivery.restart("b")
    delivery.chain.advance("1m")
    receipts = delivery.chain.outputs("receipts")
    assert [r.result for r in receipts] == ["refused"] * 3
    assert {"not declared" in r.why for r in receipts} == {True}


def test_a_repeated_notification_is_known() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger"), told(1, "trigger"))
    delivery.answer(TAKEN)
    delivery.tell(told(1, "trigger"))
    assert delivery.receipts() == [(1, "delivered")]
    assert delivery.called() == []
    assert delivery.chain.reasons["send.known"] == 2


def test_a_receiver_that_throttles_pauses_as_a_whole_and_stays_healthy() -> None:
    delivery = Delivery()
    for n in range(8):
        delivery.tell(told(1, "trigger", incident_id=f"00000000000000aa.{n}"))
    for entry in delivery.calls():
        delivery.answer(Retry(why="429", status=429, is_throttled=True, after_s=30), entry)
    delivery.tell(told(1, "trigger", incident_id="00000000000000aa.9"))
    delivery.chain.advance("29s")
    assert delivery.calls() == []
    delivery.chain.advance("2s")
    assert len(delivery.calls()) == 9
    assert "send.breaker-opened" not in delivery.chain.reasons


def test_a_failing_receiver_is_left_alone_but_for_a_probe() -> None:
    delivery = Delivery()
    for n in range(20):
        delivery.tell(told(1, "trigger", incident_id=f"00000000000000aa.{n:02}"))
        for entry in delivery.calls():
            delivery.answer(FAILED, entry)
    assert delivery.chain.reasons["send.breaker-opened"] == 1
    assert delivery.calls() == []
    delivery.chain.advance("5s")
    assert len(delivery.calls()) == 1
    delivery.answer(FAILED)
    delivery.chain.advance("9s")
    assert delivery.calls() == []
    delivery.chain.advance("1s")
    delivery.answer(TAKEN)
    assert delivery.chain.reasons["send.breaker-closed"] == 1
    assert len(delivery.calls()) > 10


def test_calls_in_flight_are_bounded_and_the_next_follows_each_result() -> None:
    delivery = Delivery(config=pager(in_flight_max=3))
    for n in range(7):
        delivery.tell(told(1, "trigger", incident_id=f"00000000000000aa.{n}"))
    assert len(delivery.calls()) == 3
    for left in (3, 3, 3, 3, 2, 1, 0):
        delivery.answer(TAKEN, delivery.calls()[0])
        assert len(delivery.calls()) == left


def test_a_first_page_overtakes_what_is_not_urgent() -> None:
    delivery = Delivery(config=pager(in_flight_max=1))
    for n in range(4):
        delivery.tell(told(1, "resolve", incident_id=f"00000000000000aa.{n}"))
    delivery.tell(told(1, "trigger", incident_id="00000000000000aa.9"))
    delivery.answer(TAKEN)
    assert delivery.called() == [("trigger", 1)]


def test_a_full_outbox_keeps_first_triggers_and_resolves() -> None:
    delivery = Delivery(config=pager(in_flight_max=1, outbox_max=4))
    for n in range(4):
        delivery.tell(told(1, "trigger", incident_id=f"00000000000000aa.{n}"))
    delivery.tell(told(2, "acknowledge", incident_id="00000000000000aa.3"))
    assert delivery.receipts() == [(2, "dropped")]
    for n in range(4, 8):
        delivery.tell(told(1, "trigger", incident_id=f"00000000000000aa.{n}"))
    assert delivery.receipts() == []
    delivery.tell(told(1, "trigger", incident_id="00000000000000aa.8"))
    assert delivery.receipts() == [(1, "refused")]


def test_a_lane_that_nothing_happens_to_is_forgotten() -> None:
    delivery = Delivery()
    delivery.tell(told(1, "trigger"))
    delivery.answer(TAKEN)
    delivery.chain.advance("29d")
    assert len(delivery.chain.table(LANES)) == 1
    delivery.chain.advance("2d")
    assert delivery.chain.table(LANES) == {}
    delivery.tell(told(2, "resolve"))
    assert delivery.called() == [("resolve", 2)]
