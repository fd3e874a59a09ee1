"""Overlay tables against a plain dict: whatever is done to both, they agree."""

from __future__ import annotations

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
