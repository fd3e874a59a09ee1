"""The oracle can say no: for each kind of fault a hand-made topic that has it, and one without."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import msgspec
import pytest

from tests.crash.kafka import oracle
from tests.crash.kafka.orders import Expected, Given, expect, orders
from tests.crash.kafka.reading import Entry, Row

INPUTS = [
    Given(0, 0, "a", "i0", 5),
    Given(0, 1, "b", "i1", 7),
    Given(0, 2, "a", "i2", 3, "poison"),
    Given(0, 4, "a", "i3", 2, "wake"),
    Given(1, 0, "c", "i4", 9, "bad"),
    Given(1, 1, "c", "i5", 1),
    Given(0, 5, "a", "i6", 8),
]
Rows = list[tuple[Entry, Row]]


def kinds(complaints: list[oracle.Complaint]) -> set[str]:
    return {complaint.kind for complaint in complaints}


def entry(key: str, partition: int = 0, offset: int = 0, value: bytes | None = b"") -> Entry:
    return Entry(partition, offset, key.encode(), value)


def good_rows() -> Rows:
    return [
        (entry("a"), ("i0", 5, 1, 5, 5, 5)),
        (entry("b"), ("i1", 7, 1, 7, 7, 7)),
        (entry("c", 1), ("i5", 1, 1, 1, 1, 1)),
        (entry("a"), ("i3", 2, 2, 5, 2, 5)),
        (entry("a"), ("i6", 8, 3, 5, 8, 8)),
    ]


def replaced(rows: Rows, at: int, row: Row) -> Rows:
    return [*rows[:at], (rows[at][0], row), *rows[at + 1 :]]


@pytest.fixture
def expected() -> Expected:
    return expect(INPUTS)


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda rows: rows, ""),
        (lambda rows: rows[1:], "lost"),
        (lambda rows: [*rows, rows[1]], "twice"),
        (lambda rows: [*rows, (entry("z"), ("i9", 1, 1, 1, 1, 1))], "twice"),
        (lambda rows: replaced(rows, 3, ("i3", 2, 1, 2, 2, 2)), "fold"),
        (lambda rows: replaced(rows, 4, ("i6", 8, 4, 5, 8, 8)), "fold"),
        (lambda rows: [*rows[:3], rows[4], rows[3]], "order"),
        (lambda rows: [(entry("a", 1), rows[0][1]), *rows[1:]], "partition"),
    ],
    ids=["good", "lost", "twice", "invented", "state lost", "counted twice", "order", "partition"],
)
def test_rows(expected: Expected, spoil: Callable[[Rows], Rows], kind: str) -> None:
    found = kinds(oracle.check_rows("rows", expected, spoil(good_rows())))
    assert (kind in found) if kind else found == set()


def test_rows_whose_state_alone_is_wrong_are_no_loss(expected: Expected) -> None:
    rows = replaced(good_rows(), 3, ("i3", 2, 1, 2, 2, 2))
    assert kinds(oracle.check_rows("rows", expected, rows)) == {"fold"}


def fold(count: int, first: int, last: int, greatest: int) -> bytes:
    plain = {"count": count, "first": first, "last": last, "greatest": greatest}
    return b"\x01" + msgspec.msgpack.encode(plain)


def changelog() -> dict[tuple[int, bytes], bytes]:
    offsets = {"orders:0": 6, "orders:1": 2}
    return {
        (0, b"folds\0a"): fold(3, 5, 8, 8),
        (0, b"folds\0b"): fold(1, 7, 7, 7),
        (1, b"folds\0c"): fold(1, 1, 1, 1),
        (0, oracle.CHECKPOINT): msgspec.msgpack.encode({"offsets": offsets}),
    }


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, ""),
        ({(0, b"folds\0a"): fold(2, 5, 8, 8)}, "changelog"),
        ({(0, b"folds\0z"): fold(1, 1, 1, 1)}, "changelog"),
        ({(0, b"wakes\x0000017/folding/i3"): b"default"}, "left-over"),
    ],
)
def test_a_changelog(expected: Expected, change: dict[Any, Any], kind: str) -> None:
    found = oracle.check_changelog("fold", "folds", expected, changelog() | change)
    assert kinds(found) == ({kind} if kind else set())


def test_a_changelog_that_lacks_a_row(expected: Expected) -> None:
    lacking = changelog()
    del lacking[1, b"folds\0c"]
    assert kinds(oracle.check_changelog("fold", "folds", expected, lacking)) == {"changelog"}


def test_a_tombstone_compacts_a_row_away() -> None:
    entries = [entry("x", value=b"1"), entry("y", value=b"2"), entry("x", value=None)]
    assert oracle.compacted(entries) == {(0, b"y"): b"2"}


def test_a_store() -> None:
    log = changelog()
    rows = {key: value for key, value in log.items() if key[1] != oracle.CHECKPOINT}
    first = {key: value for key, value in rows.items() if key[0] == 0}
    second = {key: value for key, value in rows.items() if key[0] == 1}
    assert oracle.check_dump("fold", log, [first, second]) == []
    assert kinds(oracle.check_dump("fold", log, [first])) == {"table"}
    assert kinds(oracle.check_dump("fold", log, [rows, second])) == {"table"}
    dirty = first | {(0, b"folds\0a"): fold(9, 9, 9, 9)}
    assert kinds(oracle.check_dump("fold", log, [dirty, second])) == {"table"}


@pytest.mark.parametrize(
    ("committed", "is_good"),
    [
        ({("orders", 0): (6, "app-fold-1"), ("orders", 1): (2, "app-fold-1")}, True),
        ({("orders", 0): (5, "app-fold-1"), ("orders", 1): (2, "app-fold-1")}, False),
        ({("orders", 0): (6, "app-fold-1")}, False),
        ({("orders", 0): (6, ""), ("orders", 1): (2, "app-fold-1")}, False),
        ({("orders", 0): (7, "app-fold-1"), ("orders", 1): (2, "app-fold-1")}, False),
    ],
    ids=["good", "behind", "absent", "unsigned", "not the checkpoint's"],
)
def test_committed_offsets(committed: dict[tuple[str, int], Any], is_good: bool) -> None:
    ends = {("orders", 0): 6, ("orders", 1): 2}
    found = kinds(oracle.check_offsets("app-fold", ends, committed, changelog()))
    assert found == (set() if is_good else {"offsets"})


def test_offsets_that_went_back() -> None:
    forwards = [{("t", 0): 1}, {("t", 0): 1}, {("t", 0): 5}, {}, {("t", 0): 6}]
    assert oracle.check_forwards(forwards) == []
    assert kinds(oracle.check_forwards([*forwards, {("t", 0): 5}])) == {"backwards"}


def test_an_open_transaction() -> None:
    assert oracle.check_ended({("t", 0): (5, 5), ("t", 1): (0, 0)}) == []
    assert kinds(oracle.check_ended({("t", 0): (5, 6)})) == {"hanging"}


def test_two_readings() -> None:
    one = {"t": [entry("a", 0, 0), entry("b", 1, 0), entry("c", 0, 1)]}
    other = {"t": [entry("b", 1, 0), entry("a", 0, 0), entry("c", 0, 1)]}
    assert oracle.check_same(one, other) == []
    assert kinds(oracle.check_same(one, {"t": other["t"][:2]})) == {"readings"}
    assert kinds(oracle.check_same(one, {"t": [*other["t"][:2], entry("d", 0, 1)]})) == {"readings"}


def letter(partition: int, offset: int, reason: str, topic: str = "orders") -> dict[str, Any]:
    return {
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "reason": reason,
        "agent": "fold",
    }


@pytest.mark.parametrize(
    ("letters", "is_good"),
    [
        ([letter(0, 2, "raised"), letter(1, 0, "bad")], True),
        ([letter(0, 2, "raised")], False),
        ([letter(0, 2, "raised"), letter(1, 0, "bad"), letter(1, 0, "bad")], False),
        ([letter(0, 2, "raised"), letter(1, 0, "bad"), letter(0, 1, "raised")], False),
        ([letter(0, 2, "bad"), letter(1, 0, "bad")], False),
        ([letter(0, 2, "raised"), letter(1, 0, "bad"), letter(0, 0, "raised", "")], False),
    ],
    ids=["good", "lacking", "twice", "swallowed neighbour", "reason", "wake"],
)
def test_dead_letters(expected: Expected, letters: list[Any], is_good: bool) -> None:
    found = kinds(oracle.check_failing("orders", expected, letters))
    assert found == (set() if is_good else {"dead-letters"})


@pytest.mark.parametrize(
    ("fired", "is_good"),
    [([(10, 10)], True), ([], False), ([(10, 10), (10, 11)], False), ([(10, 9)], False)],
    ids=["good", "never", "twice", "early"],
)
def test_wakes(expected: Expected, fired: list[tuple[int, int]], is_good: bool) -> None:
    ran = [{"id": "i3", "asked_at_ms": asked, "fired_at_ms": at} for asked, at in fired]
    assert (oracle.check_wakes(expected, ran) == []) is is_good


def epoch(number: int, start: int, end: int, task: str = "fold-0") -> dict[str, Any]:
    segment = {"topic": "orders", "partition": 0, "start": start, "end": end}
    return {"task": task, "epoch": number, "segments": [segment]}


@pytest.mark.parametrize(
    ("journal", "is_good"),
    [
        ([epoch(1, 0, 2), epoch(1, 0, 9, "sum-0"), epoch(2, 2, 6)], True),
        ([epoch(1, 0, 2), epoch(2, 4, 6)], True),
        ([epoch(1, 0, 2), epoch(3, 2, 6)], False),
        ([epoch(1, 0, 2), epoch(1, 2, 6)], False),
        ([epoch(1, 0, 2), epoch(2, 1, 6)], False),
        ([epoch(1, 0, 2), epoch(2, 2, 5)], False),
    ],
    ids=["good", "a hole of offsets", "an epoch lacks", "twice", "read twice", "not read"],
)
def test_the_journal(journal: list[Any], is_good: bool) -> None:
    inputs = [(0, 0), (0, 1), (0, 4), (0, 5)]
    assert (oracle.check_journal("orders", inputs, journal, "fold") == []) is is_good


def test_a_complaint_shows_a_few_and_counts_the_rest(expected: Expected) -> None:
    (complaint,) = oracle.check_ended({("t", p): (0, 1) for p in range(40)})
    assert "40 partitions" in complaint.text
    assert complaint.text.count("of 1") == oracle.SHOWN_MAX


def made(seed: int) -> list[tuple[str, bytes]]:
    return list(islice(orders(seed, 200), 5_000))


def test_a_seed_gives_the_same_orders_with_every_kind_among_them() -> None:
    once, again = made(7), made(7)
    assert once == again
    assert once != made(8)
    found = [msgspec.json.decode(value) for _, value in once]
    assert {order.get("kind", "plain") for order in found} == {"plain", "poison", "bad", "wake"}
    assert len({order["id"] for order in found}) == 5_000
