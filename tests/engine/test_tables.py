"""Overlay tables against a plain dict: whatever is done to both, they agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.store import Checkpoint
from pipeline.engine import MemoryStore
from pipeline.engine.tables import Undo, raw_overlay, take_back

keys = st.text("ab/é", max_size=3)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), keys, st.binary(min_size=1, max_size=2)),
        st.tuples(st.just("delete"), keys, st.just(b"")),
        st.tuples(st.sampled_from(["commit", "rollback", "save", "undo"]), keys, st.just(b"")),
    ),
    max_size=40,
)


@given(steps, keys, keys, st.integers(0, 4))
def test_an_overlay_is_a_dict_that_can_go_back(
    script: list[tuple[str, str, bytes]], low: str, high: str, limit: int
) -> None:
    store = MemoryStore()
    table = raw_overlay("t", store)
    committed: dict[str, bytes] = {}
    model: dict[str, bytes] = {}
    saved: dict[str, bytes] | None = None
    undo: Undo = []
    for kind, key, value in script:
        if kind == "put":
            table.put(key, value)
            model[key] = value
        elif kind == "delete":
            table.delete(key)
            model.pop(key, None)
        elif kind == "commit":
            changes: dict[tuple[str, str], bytes | None] = {}
            table.changes(changes)
            store.write(changes, Checkpoint())
            table.committed()
            committed, saved, table.undo = dict(model), None, None
        elif kind == "rollback":
            table.rollback()
            model, saved, table.undo = dict(committed), None, None
        elif kind == "save":
            undo = []
            table.undo, saved = undo, dict(model)
        elif saved is not None:
            take_back(undo)
            model, saved, table.undo = saved, None, None
        assert table.get(key) == model.get(key)
    expected = sorted((key, value) for key, value in model.items() if low <= key < high)
    assert list(table.range(low, high)) == expected
    assert list(table.range(low, high, limit)) == (expected[:limit] if limit else expected)
    assert dict(table.scan("")) == model


@pytest.mark.parametrize("last", ["\x7f", "\uffff", "\U0010ffff", "\U0010ffffx"])
def test_a_scan_finds_every_key_that_begins_so(last: str) -> None:
    """What follows the prefix is often what a producer wrote."""
    store = MemoryStore()
    store.write({("t", f"s/{last}"): b"1"}, Checkpoint())
    table = raw_overlay("t", store)
    table.put(f"s/{last}{last}", b"2")
    table.put("s0", b"3")
    assert [value for _, value in table.scan("s/")] == [b"1", b"2"]
    assert [value for _, value in table.scan("")] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("prefix", ["\ud7ff", "\U0010ffff", "a\U0010ffff"])
def test_a_scan_ends_after_the_last_character_too(prefix: str) -> None:
    table = raw_overlay("t", MemoryStore())
    for key in (prefix, prefix + "x", "b", "\ue000"):
        table.put(key, b"1")
    assert [key for key, _ in table.scan(prefix)] == [prefix, prefix + "x"]
