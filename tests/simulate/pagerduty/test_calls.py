"""The book's bounds: single calls are forgotten with notice, the tally is not."""

import msgspec

from pipeline.simulate.pagerduty.calls import NO_BYTES, CallBook, Effect, ReceivedCall, redact
from tests.simulate.pagerduty.events import KEY


def add(book: CallBook, dedup_key: str, effect: Effect = "appended", payload: bytes = b"") -> None:
    call = ReceivedCall(
        book.last_seq + 1,
        1,
        "events",
        redact(KEY),
        dedup_key,
        "trigger",
        effect,
        202,
        None,
        None,
        msgspec.Raw(payload) if payload else NO_BYTES,
        NO_BYTES,
    )
    book.add(call, KEY)


def test_the_ring_forgets_the_oldest_and_says_how_many() -> None:
    book = CallBook(calls_max=3)
    for number in range(10):
        add(book, f"k{number % 2}")
    assert [call.seq for call in book] == [8, 9, 10]
    assert book.forgotten == 7
    assert [call.seq for call in book.since(0, 100)] == [8, 9, 10]
    assert [call.seq for call in book.since(9, 100)] == [10]
    assert [tally.calls for tally in book.tallies(0, 10)] == [5, 5]


def test_the_ring_is_bounded_in_bytes_too() -> None:
    book = CallBook(payload_bytes_max=250)
    for _ in range(10):
        add(book, "k", payload=b'"' + b"x" * 98 + b'"')
    assert len(book) == 2
    add(book, "k", payload=b'"' + b"x" * 998 + b'"')
    assert len(book) == 1


def test_at_keys_max_new_keys_are_not_tallied() -> None:
    book = CallBook(keys_max=1)
    add(book, "a")
    assert not book.has_room_for(KEY, "b")
    add(book, "b")
    assert [tally.dedup_key for tally in book.tallies(0, 10)] == ["a"]
    assert book.totals == {"appended": 2}


def test_a_routing_key_is_never_shown_whole() -> None:
    book = CallBook()
    add(book, "a")
    assert KEY not in repr(list(book))
    assert redact(KEY) == "…cdef"
    assert redact("short") == "…"
    assert redact("") == ""
