import random
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.model import SnapshotError
from pipeline.domain.precedence import GAP_MS_MAX
from pipeline.models.graph import precedence
from pipeline.models.graph.precedence import (
    NAMES_MAX,
    PAIRS_MAX,
    PLACES_MAX,
    RECENT_MAX,
    Precedence,
    State,
)

DAY_MS = 86_400_000

Alarms = list[tuple[str, str, int]]


def learned(alarms: Alarms) -> Precedence:
    found = Precedence()
    for each in alarms:
        found.learn(*each)
    return found


def found_in(alarms: Alarms) -> set[tuple[str, str]]:
    return {(each.cause, each.effect) for each in learned(alarms).edges()}


def chains(count: int, seed: int = 1, start_ms: int = 0) -> Alarms:
    """disk causes latency causes errors, each a few seconds later; deploy comes at any time."""
    rng, alarms = random.Random(seed), []
    for number in range(count):
        at_ms, place = start_ms + number * 3_600_000, f"host-{rng.randrange(5)}"
        alarms += [
            ("disk", place, at_ms),
            ("latency", place, at_ms + rng.randint(1_000, 20_000)),
            ("errors", place, at_ms + rng.randint(25_000, 60_000)),
            ("deploy", place, at_ms + rng.randint(-1_700_000, 1_700_000)),
        ]
    return sorted(alarms, key=lambda each: each[2])


def test_a_chain_is_found_with_its_direct_edges_and_without_the_chance_one() -> None:
    edges = {(each.cause, each.effect): each for each in learned(chains(60)).edges()}
    assert edges["disk", "latency"].is_direct
    assert edges["latency", "errors"].is_direct
    assert not edges["disk", "errors"].is_direct
    assert not [each for each in edges if "deploy" in each and edges[each].strength > 2]
    assert ("latency", "disk") not in edges


@pytest.mark.parametrize(
    ("gap_ms", "is_edge"), [(1, True), (30_000, True), (GAP_MS_MAX + 1, False), (0, False)]
)
def test_how_far_apart_a_cause_may_be(gap_ms: int, is_edge: bool) -> None:
    alarms: Alarms = []
    for number in range(30):
        alarms += [("a", "h", number * DAY_MS), ("b", "h", number * DAY_MS + gap_ms)]
    assert (("a", "b") in found_in(alarms)) is is_edge


def test_alarms_of_two_places_have_nothing_to_do_with_each_other() -> None:
    alarms: Alarms = []
    for number in range(30):
        alarms += [("a", "one", number * DAY_MS), ("b", "two", number * DAY_MS + 5_000)]
    assert found_in(alarms) == set()


def test_alarms_of_places_that_depend_on_each_other_count_half() -> None:
    here, there, both = Precedence(), Precedence(), Precedence()
    for number in range(30):
        at_ms = number * DAY_MS
        for graph, place in ((here, "one"), (there, "two"), (both, "two")):
            graph.learn("a", "one", at_ms)
            graph.learn("b", place, at_ms + 5_000, ["one", "one-more"] if graph is both else ())
    assert there.edges() == ()
    assert [(each.cause, each.effect, each.is_direct) for each in both.edges()] == [
        ("a", "b", True)
    ]
    assert 0 < both.edges()[0].strength <= here.edges()[0].strength


def test_a_place_that_is_near_itself_counts_once() -> None:
    one, other = Precedence(), Precedence()
    for name, place, at_ms in chains(20):
        one.learn(name, place, at_ms)
        other.learn(name, place, at_ms, [place, "nowhere"])
    assert one.snapshot() == other.snapshot()


def test_an_alarm_that_flaps_counts_once() -> None:
    flapping: Alarms = [("a", "h", 0)]
    flapping += [("b", "h", 1_000 + 10 * number) for number in range(500)]
    assert learned(flapping).edges() == learned(flapping[:2]).edges()


def test_what_meets_by_chance_on_a_busy_place_makes_few_edges() -> None:
    rng, at_ms, alarms = random.Random(3), 0, []
    names = [f"alarm-{number}" for number in range(20)]
    for _ in range(20_000):
        at_ms += int(rng.expovariate(1 / 20_000))
        alarms.append((rng.choices(names, range(1, 21))[0], f"host-{rng.randrange(3)}", at_ms))
    # Of 380 ordered pairs 16 % of one side lie more than a deviation above nothing.
    assert len(found_in(alarms)) < 0.2 * 380


def test_new_causes_outweigh_old_ones_with_time() -> None:
    before: Alarms = []
    for number in range(40):
        before += [("a", "h", number * 3_600_000), ("b", "h", number * 3_600_000 + 5_000)]
    since: Alarms = []
    for day in range(1_500):
        at_ms = (day + 10) * DAY_MS
        since.append(("tick", "elsewhere", at_ms))
        if day % 100 == 0:
            since += [("b", "h", at_ms + 5_000), ("a", "h", at_ms + 9_000)]
    assert ("a", "b") in found_in(before)
    assert ("b", "a") in found_in(before + since)


@pytest.mark.parametrize("cut", [0, 1, 57, 239])
def test_a_graph_taken_up_again_is_the_same(cut: int) -> None:
    alarms = chains(60, seed=2)
    second = Precedence.restore(learned(alarms[:cut]).snapshot())
    for each in alarms[cut:]:
        second.learn(*each)
    assert second.snapshot() == learned(alarms).snapshot()
    assert second.edges() == learned(alarms).edges()


def test_a_million_names_leave_what_was_learned_and_stay_within_bounds() -> None:
    graph = learned(chains(60))
    known = {(each.cause, each.effect) for each in graph.edges() if each.strength > 3}
    for number in range(1_000_000):
        graph.learn(f"storm-{number}", f"pod-{number % (2 * PLACES_MAX)}", 220_000_000 + number)
    assert len(graph._ids) == len(graph._counts) <= NAMES_MAX
    assert len(graph._pairs) <= PAIRS_MAX
    assert len(graph._places) <= PLACES_MAX
    assert max(map(len, graph._places.values())) <= RECENT_MAX
    assert len(graph.snapshot()) < 2**20
    assert known
    assert known <= {(each.cause, each.effect) for each in graph.edges()}


def test_after_a_storm_a_restored_graph_forgets_the_same() -> None:
    storm = [(f"storm-{number % 3_000}", "h", number * 500) for number in range(9_000)]
    first = learned(storm[:5_000])
    second = Precedence.restore(first.snapshot())
    for each in storm[5_000:]:
        first.learn(*each)
        second.learn(*each)
    assert first.snapshot() == second.snapshot()


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcde"),
            st.sampled_from("xy"),
            st.integers(-(2**62), 2**62) | st.integers(0, 10**6),
        ),
        max_size=60,
    )
)
def test_whatever_the_clocks_say_the_graph_has_one_direction_and_comes_back(
    alarms: Alarms,
) -> None:
    graph = learned(alarms)
    edges = {(each.cause, each.effect) for each in graph.edges()}
    assert not [each for each in edges if each[::-1] in edges or each[0] == each[1]]
    assert Precedence.restore(graph.snapshot()).snapshot() == graph.snapshot()
    strengths = [each.strength for each in graph.edges()]
    assert all(one >= other for one, other in pairwise(strengths))


def test_a_jump_of_the_clock_leaves_what_was_learned() -> None:
    jumped = [("disk", "host-1", 10**14), *chains(60, seed=5)]
    assert {("disk", "latency"), ("latency", "errors")} <= found_in(jumped)
    assert {("disk", "latency"), ("latency", "errors")} <= found_in([*chains(60), *jumped])


def test_weights_are_scaled_back_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    alarms = chains(4_000)
    plain = learned(alarms)
    monkeypatch.setattr(precedence, "_WEIGHT_MAX", 1.05)
    scaled = learned(alarms)
    assert scaled._weight < plain._weight
    for one, other in zip(plain.edges(), scaled.edges(), strict=True):
        assert (one.cause, one.effect, one.is_direct) == (
            other.cause,
            other.effect,
            other.is_direct,
        )
        assert one.strength == pytest.approx(other.strength)


def test_a_long_name_is_cut() -> None:
    assert len(learned([("n" * 10**6, "p" * 10**6, 0)]).snapshot()) < 1_000


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "content"),
        (b"\xc1", "content"),
        (msgspec.msgpack.encode(State(9, 1.0, 0, 0, [], [], [])), "format"),
        (msgspec.msgpack.encode(State(1, 1.0, 0, 0, [], [("p", [(4, 0)])], [])), "content"),
        (msgspec.msgpack.encode(State(1, 1.0, 0, 0, [], [], [(7, (1, 1, 1, 1))])), "content"),
        (msgspec.msgpack.encode(State(1, float("nan"), 0, 0, [], [], [])), "content"),
    ],
)
def test_a_broken_graph_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(SnapshotError) as refused:
        Precedence.restore(raw)
    assert refused.value.reason == reason
