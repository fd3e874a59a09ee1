"""Retention: old and read goes, unread stays, compacted topics keep the latest of each key."""

from __future__ import annotations

from pipeline.domain.store import Output
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.log import SqliteLog
from pipeline.hosts.embedded.retention import PIECE_MAX, Keeping, Retention


class World:
    """A log with one topic under one rule."""

    def __init__(self, *, is_compact: bool) -> None:
        connection = connect(":memory:")
        self.log = SqliteLog(connection)
        self.log.declare("t", 1)
        rule = Keeping(after_ms=100, is_compact=is_compact)
        self.retention = Retention(connection, self.log, {"t": rule})

    def append(self, at_ms: int, *keys: str) -> None:
        values = [None if key.startswith("-") else b"1" for key in keys]
        self.log.append(
            [
                Output(topic="t", key=k.lstrip("-"), value=v)
                for k, v in zip(keys, values, strict=True)
            ],
            at_ms,
        )

    def left(self) -> list[tuple[int, str]]:
        return [(r.offset, r.key) for r in self.log.scan("t", 0)]


def test_old_records_go_and_offsets_go_on() -> None:
    world = World(is_compact=False)
    world.append(0, "a", "b")
    world.append(50, "c")
    assert world.retention.trim(120, {}) == 2
    assert world.left() == [(2, "c")]
    assert world.retention.trim(1_000, {}) == 1
    world.log.refresh()
    world.append(1_000, "d")
    assert world.left() == [(3, "d")]


def test_what_a_reader_has_not_passed_stays() -> None:
    world = World(is_compact=False)
    world.append(0, "a", "b", "c")
    world.retention.trim(1_000, {"t:0": 1})
    assert world.left() == [(1, "b"), (2, "c")]


def test_one_call_takes_a_bounded_piece() -> None:
    world = World(is_compact=False)
    world.append(0, *["a"] * (PIECE_MAX + 10))
    assert world.retention.trim(1_000, {}) == PIECE_MAX
    assert world.retention.trim(1_000, {}) == 10


def test_a_compacted_topic_keeps_the_latest_of_each_key() -> None:
    world = World(is_compact=True)
    world.append(0, "a", "b", "a", "c", "-c", "b")
    world.append(990, "a", "a")
    world.retention.trim(1_000, {})
    assert world.left() == [
        (0, "a"),
        (1, "b"),
        (2, "a"),
        (3, "c"),
        (4, "c"),
        (5, "b"),
        (6, "a"),
        (7, "a"),
    ]
    world.retention.trim(2_000, {})
    assert world.left() == [(5, "b"), (7, "a")]


def test_a_tombstone_never_goes_before_what_it_deletes() -> None:
    world = World(is_compact=True)
    world.append(0, "a", "-a")
    world.retention.trim(2_000, {})
    assert world.left() == []


def trim_all(world: World, now_ms: int) -> None:
    for _ in range(6):
        world.retention.trim(now_ms, {})


def test_what_was_deleted_does_not_come_back_when_its_tombstone_goes() -> None:
    """The value lies in a piece that was looked at before its tombstone came."""
    world = World(is_compact=True)
    world.append(0, "a", *(f"k{n}" for n in range(PIECE_MAX)))
    world.retention.trim(1_000, {})
    world.append(1_000, "-a", "z")
    trim_all(world, 5_000)
    assert [key for _, key in world.left()].count("a") == 0


def test_pieces_are_looked_at_again_while_the_last_one_is_always_young() -> None:
    world = World(is_compact=True)
    world.append(0, "a", *(f"k{n}" for n in range(PIECE_MAX)))
    world.retention.trim(1_000, {})
    world.append(1_000, "a")
    for now_ms in range(1_050, 2_000, 50):
        world.append(now_ms, "young")
        world.retention.trim(now_ms, {})
    assert [offset for offset, key in world.left() if key == "a"] == [PIECE_MAX + 1]


def test_a_value_stays_until_what_replaced_it_is_old() -> None:
    """A replay of an hour ago must find what held an hour ago, however old that was."""
    world = World(is_compact=True)
    world.append(0, "a", *(f"k{n}" for n in range(PIECE_MAX)))
    world.append(1_000, "a")
    trim_all(world, 1_050)
    assert [offset for offset, key in world.left() if key == "a"] == [0, PIECE_MAX + 1]
    trim_all(world, 1_200)
    assert [offset for offset, key in world.left() if key == "a"] == [PIECE_MAX + 1]
