"""Where a task reads on, by its state, by its group and by what the topic still keeps."""

import pytest

from pipeline.domain.errors import StoreError
from pipeline.domain.raw import RawAlert
from pipeline.domain.store import Checkpoint
from pipeline.engine import Agent, MemoryStore, Task
from pipeline.hosts.faust.stream.takeover import _next_offset

PLACE = ("in", 0)


def task(by_state: int | None) -> Task:
    store = MemoryStore()
    offsets = {} if by_state is None else {"in:0": by_state}
    store.write({}, Checkpoint(epoch=1, now_ms=1, offsets=offsets))
    return Task(Agent(name="a", stages=(), reads={"in": RawAlert}), 0, store)


@pytest.mark.parametrize(
    ("by_state", "by_group", "kept", "wanted"),
    [
        (None, None, 0, 0),
        (None, None, 40, 40),
        (50, 50, 0, 50),
        (50, None, 0, 50),
        (None, 50, 0, 50),
        (50, 50, 100, 100),
        (50, 100, 100, 100),
        (50, 100, 130, 130),
    ],
)
def test_it_reads_on_after_what_is_committed_and_still_kept(
    by_state: int | None, by_group: int | None, kept: int, wanted: int
) -> None:
    committed = {} if by_group is None else {PLACE: (by_group, "writer")}
    assert _next_offset(task(by_state), *PLACE, committed, {PLACE: kept}) == wanted


@pytest.mark.parametrize(("by_state", "by_group"), [(50, 60), (60, 50), (50, 101)])
def test_offsets_that_somebody_moved_are_refused(by_state: int, by_group: int) -> None:
    with pytest.raises(StoreError, match="somebody moved"):
        _next_offset(task(by_state), *PLACE, {PLACE: (by_group, "writer")}, {PLACE: 30})
