"""Order: keys of a memory store are put in order when somebody looks, few or many at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.store import Checkpoint
from pipeline.engine import MemoryStore
from pipeline.engine.memory import LATE_FEW

KEYS = st.text("ab", max_size=7)
STEPS = st.lists(
    st.one_of(
        st.lists(KEYS, max_size=4 * LATE_FEW).map(lambda keys: ("put", keys)),
        st.lists(KEYS, max_size=8).map(lambda keys: ("delete", keys)),
        st.just(("look", [])),
    ),
    max_size=12,
)


@given(STEPS)
def test_a_scan_gives_what_was_written_in_order(steps: list[tuple[str, list[str]]]) -> None:
    store, model = MemoryStore(), dict[str, bytes]()
    for what, keys in steps:
        if what == "look":
            assert list(store.scan("t", "", "c")) == sorted(model.items())
        value = b"v" if what == "put" else None
        store.write({("t", key): value for key in keys}, Checkpoint())
        for key in keys:
            if value is None:
                model.pop(key, None)
            else:
                model[key] = value
    assert list(store.scan("t", "", "c")) == sorted(model.items())
