"""Which brokers hold replicas after their number changed: laws."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipeline.topology.apply.spread import spread

BROKERS = st.sets(st.integers(0, 9), min_size=1).map(sorted)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[int, list[int]], list[int], int]:
    brokers = draw(BROKERS)
    held = {
        partition: draw(
            st.lists(st.sampled_from(brokers), min_size=1, max_size=len(brokers), unique=True)
        )
        for partition in range(draw(st.integers(1, 6)))
    }
    return held, brokers, draw(st.integers(1, len(brokers)))


@given(worlds())
def test_each_partition_gets_so_many_different_brokers_and_keeps_its_leader(
    world: tuple[dict[int, list[int]], list[int], int],
) -> None:
    held, brokers, count = world
    found = spread(held, brokers, count)
    assert found.keys() == held.keys()
    for partition, replicas in found.items():
        assert len(replicas) == len(set(replicas)) == count
        assert set(replicas) <= set(brokers)
        assert replicas[0] == held[partition][0]
        kept = held[partition][:count]
        assert replicas[: len(kept)] == kept


@given(worlds())
def test_the_same_number_moves_nothing(
    world: tuple[dict[int, list[int]], list[int], int],
) -> None:
    held, brokers, _ = world
    level = {partition: replicas[:1] for partition, replicas in held.items()}
    assert spread(level, brokers, 1) == level


def test_new_replicas_go_where_there_are_few() -> None:
    found = spread({0: [1], 1: [1], 2: [1]}, [1, 2, 3], 2)
    assert Counter(replicas[1] for replicas in found.values()) == {2: 2, 3: 1}
