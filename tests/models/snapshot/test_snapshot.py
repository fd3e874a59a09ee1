from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.domain.model import Snapshot, SnapshotError
from pipeline.models.snapshot import chunks as chunks_module
from pipeline.models.snapshot.arrays import (
    FORMAT,
    Packed,
    Part,
    array_of,
    pack,
    part_of,
    touched,
    unpack,
)
from pipeline.models.snapshot.chunks import checksum, joined, newest, next_slot, split


class State(msgspec.Struct):
    text: str
    number: float


def head_of(raw: bytes, offset: int = 1, kind: str = "k.1") -> tuple[Snapshot, tuple[bytes, ...]]:
    found = split(raw)
    return Snapshot(
        model="m", kind=kind, features_version=1, version=f"v{offset}", offset=offset,
        learned_count=offset, chunks_count=len(found), size_bytes=len(raw),
        checksum=checksum(found),
    ), found  # fmt: skip


@given(st.text(), st.floats(allow_nan=False), st.lists(st.floats(width=32), max_size=20))
def test_what_is_packed_comes_back_bit_for_bit(
    text: str, number: float, figures: list[float]
) -> None:
    array = np.array(figures, dtype=np.float32).reshape(-1, 1)
    raw = pack(State(text, number), {"b": array, "a": np.arange(3, dtype=np.int64)})
    assert raw == pack(State(text, number), {"a": np.arange(3), "b": array})
    state, arrays = unpack(raw, State)
    assert state == State(text, number)
    assert arrays["b"].tobytes() == array.tobytes()
    assert arrays["b"].shape == array.shape
    assert arrays["a"].tolist() == [0, 1, 2]


def test_numbers_are_little_endian_on_any_machine() -> None:
    big = np.array([1, 2], dtype=">i4")
    assert part_of(big).dtype == "<i4"
    assert array_of(part_of(big)).tolist() == [1, 2]


@pytest.mark.parametrize("raw", [b"", b"\x08" * 8, b"\xff" * 64, b"\x05" + b"\0" * 7 + b"junk"])
def test_what_is_no_snapshot_is_refused(raw: bytes) -> None:
    with pytest.raises(SnapshotError) as caught:
        unpack(raw, State)
    assert caught.value.reason == "content"


def test_any_one_bit_that_flips_is_refused() -> None:
    head, chunks = head_of(pack(State("x", 1.0), {"a": np.zeros(50, np.float32)}))
    raw = chunks[0]
    for at in range(len(raw)):
        with pytest.raises(SnapshotError):
            joined(head, (raw[:at] + bytes([raw[at] ^ 4]) + raw[at + 1 :],))


@pytest.mark.parametrize(
    "part",
    [
        Part("<f4", (2,), b"\0" * 7),
        Part("<f4", (-1,), b""),
        Part("|O", (1,), b"\0" * 8),
        Part("<f4", (2**40, 2**40), b""),
    ],
)
def test_an_array_that_does_not_add_up_is_refused(part: Part) -> None:
    with pytest.raises(SnapshotError) as caught:
        array_of(part)
    assert caught.value.reason == "content"


def test_another_format_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.models.snapshot.arrays.FORMAT", FORMAT + 1)
    raw = pack(State("x", 1.0), {})
    monkeypatch.undo()
    with pytest.raises(SnapshotError, match="let the model learn anew") as caught:
        unpack(raw, State)
    assert caught.value.reason == "format"
    assert Packed.__struct_fields__[0] == "format"


def test_objects_are_not_kept() -> None:
    with pytest.raises(TypeError, match="no arrays of object"):
        part_of(np.array([object()]))


def test_touched_rows_are_those_that_are_not_zero() -> None:
    table = np.zeros((5, 3), np.float32)
    table[1, 2] = 1e-30
    table[4, 0] = -1.0
    assert touched(table).tolist() == [1, 4]


@given(st.binary(max_size=100))
def test_chunks_join_to_what_was_split(raw: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks_module, "CHUNK_BYTES_MAX", 7)
        head, chunks = head_of(raw)
        assert all(len(each) <= 7 for each in chunks)
        assert joined(head, chunks) == raw
        if len(chunks) > 1:
            with pytest.raises(SnapshotError):
                joined(head, chunks[:-1])
            if chunks[0] != chunks[1]:
                with pytest.raises(SnapshotError):
                    joined(head, (chunks[1], chunks[0], *chunks[2:]))


def taken(head: Snapshot, chunks: Sequence[bytes]) -> bytes:
    return joined(head, chunks)


def test_the_newest_whole_slot_is_taken() -> None:
    old, old_chunks = head_of(b"old", 10)
    new, new_chunks = head_of(b"new", 20)
    found = newest((new, old), {0: new_chunks, 1: old_chunks}, taken)
    assert found == (b"new", new, ())


@pytest.mark.parametrize(
    ("broken", "reason"), [((b"nex",), "checksum"), ((), "incomplete"), (None, "incomplete")]
)
def test_a_broken_slot_falls_back_to_the_one_before_and_says_so(
    broken: tuple[bytes, ...] | None, reason: str
) -> None:
    old, old_chunks = head_of(b"old", 10)
    new, _ = head_of(b"new", 20)
    slots = {0: old_chunks} | ({1: broken} if broken is not None else {})
    model, head, refused = newest((old, new), slots, taken)
    assert (model, head) == (b"old", old)
    assert [(each.version, each.reason) for each in refused] == [("v20", reason)]
    assert "v20" in refused[0].text


def test_without_a_whole_slot_there_is_no_model() -> None:
    head, _ = head_of(b"x")
    assert newest((None, None), {}, taken) == (None, None, ())
    model, found, refused = newest((head, replace(head, offset=2)), {}, taken)
    assert (model, found) == (None, None)
    assert len(refused) == 2


def test_slots_take_turns() -> None:
    assert [next_slot(each) for each in (-1, 0, 1)] == [0, 1, 0]
