"""Rows of tables survive the way through bytes, and older versions are upgraded when read."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from pipeline.codec import TOPIC_VALUES, EncodeError, StateCodec
from pipeline.domain.errors import FormatError, StoreError
from pipeline.domain.stage import TableSpec
from tests.codec.values import exactly, values


class First(Struct, frozen=True, array_like=True):
    seen_at_ms: int
    text: str = ""


class Third(Struct, frozen=True):
    seen_at_ms: int
    count: int
    text: str
    raw: bytes = b""


def name_fields(plain: Any) -> Any:
    """Version 2 gave the fields their names."""
    return {"seen_at_ms": plain[0], "text": plain[1]}


def add_count(plain: Any) -> Any:
    """Version 3 counts."""
    return {**plain, "count": 1}


FIRST: StateCodec[First] = StateCodec(TableSpec(name="seen", type=First))
THIRD: StateCodec[Third] = StateCodec(
    TableSpec(name="seen", type=Third, version=3, upgrades={1: name_fields, 2: add_count})
)


def codec_of(kind: type[Struct]) -> StateCodec[Any]:
    """The codec of a table that holds values of a type."""
    return StateCodec(TableSpec(name="rows", type=kind))


@pytest.mark.parametrize("kind", [*TOPIC_VALUES.values(), First, Third])
@given(drawn=st.data())
def test_a_row_comes_back_as_it_was(kind: type[Struct], drawn: st.DataObject) -> None:
    value = drawn.draw(values(kind))
    back = codec_of(kind).decode(codec_of(kind).encode(value))
    assert type(back) is kind
    assert exactly(back) == exactly(value)


def test_a_row_is_its_version_and_msgpack() -> None:
    row = THIRD.encode(Third(seen_at_ms=1, count=2, text="x"))
    assert row[0] == 3
    assert msgspec.msgpack.decode(row[1:]) == {
        "seen_at_ms": 1,
        "count": 2,
        "text": "x",
        "raw": b"",
    }


def test_an_older_row_goes_through_each_upgrade() -> None:
    row = FIRST.encode(First(seen_at_ms=7, text="x"))
    assert THIRD.decode(row) == Third(seen_at_ms=7, count=1, text="x")


def test_a_row_of_the_version_between_goes_through_the_rest() -> None:
    row = b"\x02" + msgspec.msgpack.encode({"seen_at_ms": 7, "text": "x", "raw": b"\xff"})
    assert THIRD.decode(row) == Third(seen_at_ms=7, count=1, text="x", raw=b"\xff")


@pytest.mark.parametrize("version", [0, 4, 255])
def test_a_version_that_cannot_be_read_is_refused(version: int) -> None:
    with pytest.raises(
        FormatError, match=f"table seen holds a row of version {version}, .* 1 to 3"
    ):
        THIRD.decode(bytes([version]) + msgspec.msgpack.encode({}))


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"\x03",
        b"\x03\xc1",
        b"\x03" + msgspec.msgpack.encode({"seen_at_ms": "x"}),
        b"\x03" + msgspec.msgpack.encode([1]),
        THIRD.encode(Third(seen_at_ms=1, count=2, text="x"))[:-1],
        b"\x01\xc1",
        b"\x02" + msgspec.msgpack.encode({"seen_at_ms": "x"}),
    ],
)
def test_a_damaged_row_is_the_stores_fault(row: bytes) -> None:
    with pytest.raises(StoreError, match="table seen: a row is damaged"):
        THIRD.decode(row)


def test_an_upgrade_that_raises_blames_no_event() -> None:
    with pytest.raises(FormatError, match="table seen: the upgrade from version 1 failed"):
        THIRD.decode(b"\x01" + msgspec.msgpack.encode([]))


@given(row=st.binary(max_size=60))
def test_any_bytes_are_a_row_or_the_stores_fault(row: bytes) -> None:
    try:
        value = THIRD.decode(row)
    except StoreError:
        return
    assert isinstance(value, Third)


def test_lone_surrogates_become_question_marks() -> None:
    back = THIRD.decode(THIRD.encode(Third(seen_at_ms=1, count=2, text="\ud800x", raw=b"\xff")))
    assert back == Third(seen_at_ms=1, count=2, text="?x", raw=b"\xff")
    assert FIRST.decode(FIRST.encode(First(seen_at_ms=1, text="\udfff"))).text == "?"


def test_an_integer_beyond_64_bits_is_refused() -> None:
    with pytest.raises(EncodeError, match="table seen"):
        THIRD.encode(Third(seen_at_ms=2**64, count=2, text=""))


@pytest.mark.parametrize(
    ("version", "upgrades"),
    [(0, ()), (256, ()), (3, (1,)), (3, (2, 3)), (1, (1,)), (4, (1, 3))],
)
def test_versions_with_a_gap_are_refused_at_the_start(
    version: int, upgrades: tuple[int, ...]
) -> None:
    spec = TableSpec(
        name="seen", type=First, version=version, upgrades=dict.fromkeys(upgrades, add_count)
    )
    with pytest.raises(ValueError, match="table seen"):
        StateCodec(spec)


def test_a_table_may_begin_later_than_version_1() -> None:
    codec = StateCodec(TableSpec(name="seen", type=Third, version=3, upgrades={2: add_count}))
    assert codec.decode(b"\x02" + msgspec.msgpack.encode({"seen_at_ms": 7, "text": ""})).count == 1
    with pytest.raises(FormatError, match="reads 2 to 3"):
        codec.decode(FIRST.encode(First(seen_at_ms=7)))
