"""In rows the graph is the one that is measured in the bench, and no row outgrows its bound."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.precedence import KeptAlarm, KeptPlace, Link
from pipeline.models.graph.precedence import RECENT_MAX, Precedence
from pipeline.models.graph.rows import BEFORE_MAX, COUNT_MAX, REPEAT_MS, RowedPrecedence

DAY_MS = 86_400_000
ROW_BYTES_MAX = 2_000
Alarms = list[tuple[str, str, int]]


class Rows:
    """A graph in rows, as a stage keeps them: packed after each alarm."""

    def __init__(self) -> None:
        self.model = RowedPrecedence()
        self.alarms: dict[str, bytes] = {}
        self.places: dict[str, bytes] = {}

    def learn(self, name: str, place: str, at_ms: int, near: tuple[str, ...] = ()) -> None:
        own = self._place(place)
        others = (own if each == place else self._place(each) for each in near)
        after, met = self.model.begins(own, others, name, at_ms)
        kept = self.known(name)
        row = self.model.learned(kept, name, met, at_ms // DAY_MS)
        self.alarms[name] = msgspec.msgpack.encode(row)
        self.places[place] = msgspec.msgpack.encode(after)

    def known(self, name: str) -> KeptAlarm | None:
        raw = self.alarms.get(name)
        return None if raw is None else msgspec.msgpack.decode(raw, type=KeptAlarm)

    def _place(self, place: str) -> KeptPlace | None:
        raw = self.places.get(place)
        return None if raw is None else msgspec.msgpack.decode(raw, type=KeptPlace)

    def links(self, day: int = 0) -> dict[tuple[str, str], Link]:
        rows = {
            name: msgspec.msgpack.decode(raw, type=KeptAlarm) for name, raw in self.alarms.items()
        }
        places, links = self.model.links(rows, day)
        names = {place: name for name, place in places.items()}
        return {(names[each.cause], names[each.effect]): each for each in links}


def busy(count: int, seed: int, names: int = 12) -> Alarms:
    """Chains a → b → c among alarms that come at any time, on five hosts, within one day."""
    dice, alarms = random.Random(seed), []
    for _ in range(count):
        at_ms, place = dice.randrange(DAY_MS // 2), f"host-{dice.randrange(5)}"
        alarms += [
            ("a", place, at_ms),
            ("b", place, at_ms + dice.randint(2_000, 20_000)),
            ("c", place, at_ms + dice.randint(25_000, 60_000)),
            (f"n{dice.randrange(names)}", place, dice.randrange(DAY_MS // 2)),
        ]
    alarms.sort(key=lambda each: each[2])
    last: dict[tuple[str, str], int] = {}
    kept = []
    for name, place, at_ms in alarms:  # what repeats within a second is one here, and two there
        if at_ms - last.get((name, place), -DAY_MS) >= REPEAT_MS:
            kept.append((name, place, at_ms))
            last[name, place] = at_ms
    return kept


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("is_near", [False, True])
def test_rows_make_the_graph_that_is_measured(seed: int, is_near: bool) -> None:
    whole, rows = Precedence(), Rows()
    for name, place, at_ms in busy(200, seed):
        near = ("host-0", place, "host-1", "nowhere") if is_near else ()
        whole.learn(name, place, at_ms, near)
        rows.learn(name, place, at_ms, near)
    expected = {(each.cause, each.effect): each for each in whole.edges()}
    found = rows.links()
    assert {("a", "b"), ("b", "c")} <= expected.keys()
    assert found.keys() == expected.keys()
    for key, link in found.items():
        assert link.strength == pytest.approx(expected[key].strength)
        assert link.is_direct == expected[key].is_direct


def test_a_link_says_how_long_before_and_how_often() -> None:
    rows = Rows()
    for number in range(40):
        at_ms = number * 3_600_000
        if number % 4:
            rows.learn("a", "h", at_ms)
        rows.learn("b", "h", at_ms + 180_000)
    ((key, link),) = rows.links().items()
    assert key == ("a", "b")
    assert link.is_direct
    assert link.usual_ms == 180_000
    assert link.share == pytest.approx(0.75)


def test_what_is_old_weighs_less() -> None:
    rows = Rows()
    for number in range(6):
        rows.learn("a", "h", number * 3_600_000)
        rows.learn("b", "h", number * 3_600_000 + 5_000)
    strengths = [rows.links(day)["a", "b"].strength for day in (0, 90, 180)]
    assert strengths == sorted(strengths, reverse=True)
    assert rows.links(20_000) == {}
    assert rows.links(-20_000) == rows.links(0)


def test_a_thousand_instances_at_once_are_one_beginning() -> None:
    model = RowedPrecedence()
    place, _ = model.begins(None, (), "a", 1_000)
    for at_ms in range(1_000, 1_000 + REPEAT_MS, 10):
        again, met = model.begins(place, (), "a", at_ms)
        assert again is place
        assert met == ()


def test_near_places_are_asked_only_as_far_as_needed() -> None:
    model, asked = RowedPrecedence(), []
    crowded = KeptPlace(tuple((f"n{number}", 1_000 + number) for number in range(RECENT_MAX)))

    def near() -> object:
        for number in range(5):
            asked.append(number)
            yield crowded

    _, met = model.begins(crowded, near(), "a", 2_000)  # type: ignore[arg-type]
    assert len(met) == RECENT_MAX
    assert asked == []


@pytest.mark.parametrize("count", [3, 5_000])
def test_a_storm_of_names_leaves_what_was_learned_in_a_bounded_row(count: int) -> None:
    rows = Rows()
    for number in range(60):
        rows.learn("disk", "h", number * 60_000)
        rows.learn("errors", "h", number * 60_000 + 5_000)
    for number in range(count):
        rows.learn(f"storm-{number}", "h", 10**7 + number * 2_000)
        rows.learn("errors", "h", 10**7 + number * 2_000 + 1_500)
    row = rows.known("errors")
    assert row is not None
    assert "disk" in row.before
    assert len(row.before) <= BEFORE_MAX
    assert row.count < COUNT_MAX
    assert max(map(len, rows.alarms.values())) <= ROW_BYTES_MAX
    assert max(map(len, rows.places.values())) <= ROW_BYTES_MAX


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
def test_whatever_the_clocks_say_links_have_one_direction(alarms: Alarms) -> None:
    rows = Rows()
    for name, place, at_ms in alarms:
        rows.learn(name, place, at_ms, ("x", "y"))
    links = rows.links()
    assert not [each for each in links if each[::-1] in links or each[0] == each[1]]
    assert all(0 <= link.share <= 1 and link.usual_ms >= 0 for link in links.values())
