"""The index of silences: the same answers as asking each, and few of them asked."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.silence import Silence
from pipeline.stages.route.firing import FiringAlert
from pipeline.stages.route.silences import LOOKED_AT_MAX, Compiled, Silences

NOW_MS = 1_000_000


def silence(silence_id: str, *matchers: str, **facts: Any) -> Silence:
    given_facts: dict[str, Any] = {
        "tenant": "default",
        "starts_at_ms": 0,
        "ends_at_ms": NOW_MS + 1,
        "created_by": "ann",
    }
    return Silence(silence_id=silence_id, matchers=matchers, **(given_facts | facts))


def index(*silences: Silence, now_ms: int = NOW_MS) -> Silences:
    made = Silences()
    made.refresh({each.silence_id: each for each in silences}, now_ms)
    return made


def muting(made: Silences, labels: dict[str, str], now_ms: int = NOW_MS) -> str:
    found = made.muting("default", FiringAlert(labels, is_whole=True), now_ms)
    return found[0].silence_id if found else ""


names = st.sampled_from("abc")
values = st.sampled_from(["", "1", "2"])
texts = st.builds(
    lambda name, operator, value: f'{name}{operator}"{value}"',
    names,
    st.sampled_from(["=", "!=", "=~", "!~"]),
    values,
)


@given(
    st.lists(st.lists(texts, max_size=3), max_size=8),
    st.dictionaries(names, values, max_size=3),
)
def test_the_index_answers_as_if_each_were_asked(
    lists: list[list[str]], labels: dict[str, str]
) -> None:
    silences = [silence(f"s{at}", *matchers) for at, matchers in enumerate(lists)]
    expected = ""
    for each in silences:
        try:
            compiled = Compiled(each)
        except ValueError:
            continue
        if compiled.window("default", FiringAlert(labels, is_whole=True), NOW_MS):
            expected = each.silence_id
            break
    assert muting(index(*silences), labels) == expected
    assert muting(index(*reversed(silences)), labels) == expected


def test_a_changed_silence_is_taken_over_and_a_removed_one_forgotten() -> None:
    made = Silences()
    rows = {"s": silence("s", "a=1")}
    view = MappingProxyType(rows)
    made.refresh(view, NOW_MS)
    assert muting(made, {"a": "1"}) == "s"
    rows["s"] = silence("s", "a=2", ends_at_ms=NOW_MS + 10)
    made.refresh(view, NOW_MS + 1)
    assert (muting(made, {"a": "1"}, NOW_MS + 1), muting(made, {"a": "2"}, NOW_MS + 1)) == ("", "s")
    del rows["s"]
    made.refresh(view, NOW_MS + 2)
    assert (muting(made, {"a": "2"}, NOW_MS + 2), len(made)) == ("", 0)


def test_what_has_expired_is_dropped() -> None:
    made = index(silence("s", "a=1"), silence("late", "a=1", ends_at_ms=NOW_MS * 9))
    assert len(made) == 2
    rows = {each: made._known[each] for each in ("s", "late")}
    made.refresh(rows, NOW_MS + 120_000)
    assert len(made) == 1
    assert muting(made, {"a": "1"}, NOW_MS + 120_000) == "late"
    assert len(index(silence("s", "a=1"), now_ms=NOW_MS + 5)) == 0


def test_beyond_the_limit_silences_without_an_equality_mute_nothing() -> None:
    many = [silence(f"s{at:05d}", f"a=~x{at}.") for at in range(LOOKED_AT_MAX + 1)]
    made = index(*many)
    assert muting(made, {"a": f"x{LOOKED_AT_MAX - 1}."}) == f"s{LOOKED_AT_MAX - 1:05d}"
    assert muting(made, {"a": f"x{LOOKED_AT_MAX}."}) == ""


def test_ten_thousand_silences_are_filed_under_their_rarest_equality() -> None:
    many = [silence(f"s{at:05d}", "env=prod", f"host=h{at}") for at in range(10_000)]
    made = index(*many)
    assert len(made) == 10_000
    assert max(len(some) for some in made._filed.values()) <= LOOKED_AT_MAX
    assert muting(made, {"env": "prod", "host": "h7"}) == "s00007"
    assert muting(made, {"env": "prod", "host": "other"}) == ""
