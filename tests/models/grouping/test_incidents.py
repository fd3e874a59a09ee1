import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.model import SnapshotError
from pipeline.models.grouping.incidents import (
    EPISODE_MS_MAX,
    EPISODES_PER_DAY,
    HABITS_MAX,
    QUIET_MS,
    SIGNATURES_MAX,
    Grouping,
    Placed,
    State,
)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

Alerts = list[tuple[str, str, int]]


def usual(days: int, seed: int = 1) -> Alerts:
    """Two hosts that grumble every half hour."""
    rng = random.Random(seed)
    alerts = [
        (host, signature, number * HOUR_MS // 2 + rng.randrange(HOUR_MS // 4))
        for number in range(48 * days)
        for host in ("web", "mail")
        for signature in ("update", "login")
    ]
    return sorted(alerts, key=lambda each: each[2])


def placed(alerts: Alerts, grouping: Grouping | None = None) -> list[Placed]:
    grouping = grouping or Grouping()
    return [grouping.learn(*each) for each in alerts]


def test_what_is_usual_stands_in_one_group_per_signature() -> None:
    found = placed(usual(5))[96:]
    assert not any(each.is_news for each in found)
    assert len({each.group for each in found}) == 4


def test_news_close_together_is_one_episode_whatever_host_and_the_usual_stays_out() -> None:
    grouping = Grouping()
    standing = {each.group for each in placed(usual(3), grouping)[96:]}
    start_ms = 3 * DAY_MS + HOUR_MS
    attack: Alerts = [
        ("web", "scan", start_ms),
        ("mail", "scan", start_ms + 2_000),
        ("web", "login", start_ms + 3_000),
        ("web", "shell", start_ms + 4_000),
        ("web", "shell", start_ms + 4_500),
        ("web", "sudo", start_ms + 4_500 + QUIET_MS + 1),
    ]
    found = placed(attack, grouping)
    assert [each.is_news for each in found] == [True, True, False, True, True, True]
    assert [each.is_opening for each in found] == [True, False, False, False, False, True]
    assert len({found[at].group for at in (0, 1, 3, 4)}) == 1
    assert found[2].group in standing
    assert found[5].group not in {each.group for each in found[:5]}


def test_a_burst_of_the_usual_is_news() -> None:
    grouping = Grouping()
    placed(usual(3), grouping)
    flood: Alerts = [("web", "login", 3 * DAY_MS + HOUR_MS + number) for number in range(500)]
    found = placed(flood, grouping)
    assert not found[0].is_news
    assert all(each.is_news for each in found[20:])
    assert len({each.group for each in found[20:]}) == 1


def test_an_episode_ends_whatever_comes() -> None:
    alerts = [("web", f"new-{at}", at) for at in range(0, 3 * EPISODE_MS_MAX, 1_000)]
    assert len({each.group for each in placed(alerts)}) == 3


def test_where_more_is_news_than_people_can_look_at_it_must_be_rarer() -> None:
    every_ms, signatures = 600_000, 288
    alerts: Alerts = [("web", f"each-{at % signatures}", at * every_ms) for at in range(144 * 20)]
    last_day = placed(alerts)[-144:]
    opened = [each for each in last_day if each.is_news and each.is_opening]
    assert EPISODES_PER_DAY / 2 < len(opened) < 120


@pytest.mark.parametrize("cut", [0, 1, 300, 999])
def test_groups_taken_up_again_are_the_same(cut: int) -> None:
    rng = random.Random(7)
    alerts = [*usual(2), *(("web", f"rare-{rng.randrange(30)}", at) for at in range(0, 9**6, 777))]
    alerts.sort(key=lambda each: each[2])
    first = Grouping()
    placed(alerts[:cut], first)
    second = Grouping.restore(first.snapshot())
    assert placed(alerts[cut:], second) == placed(alerts[cut:], first)
    assert second.snapshot() == first.snapshot()


def test_a_million_signatures_leave_what_is_usual_and_stay_within_bounds() -> None:
    grouping = Grouping()
    placed(usual(3), grouping)
    start_ms = 3 * DAY_MS
    for number in range(1_000_000):
        grouping.learn(f"pod-{number}", "started", start_ms + number)
    assert len(grouping._habits) <= HABITS_MAX
    assert len(grouping._signatures) <= SIGNATURES_MAX
    assert len(grouping.snapshot()) < 2**20
    assert not grouping.learn("web", "login", start_ms + HOUR_MS).is_news


def test_a_jump_of_the_clock_leaves_what_is_usual() -> None:
    for jump_ms in (10**14, -(10**14)):
        grouping = Grouping()
        placed(usual(3), grouping)
        grouping.learn("web", "login", jump_ms)
        later = [(host, name, at_ms + 3 * DAY_MS) for host, name, at_ms in usual(1)]
        assert not any(each.is_news for each in placed(later, grouping))


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.text(max_size=3),
            st.integers(-(2**62), 2**62) | st.integers(0, 10**6),
        ),
        max_size=60,
    )
)
def test_whatever_the_clocks_say_groups_have_numbers_in_order_and_come_back(
    alerts: Alerts,
) -> None:
    grouping = Grouping()
    found = placed(alerts, grouping)
    opened = [each.group for each in found if each.is_opening]
    assert opened == list(range(len(opened)))
    assert {each.group for each in found} == set(opened)
    assert Grouping.restore(grouping.snapshot()).snapshot() == grouping.snapshot()


def test_a_long_signature_is_cut() -> None:
    grouping = Grouping()
    grouping.learn("h" * 10**6, "s" * 10**6, 0)
    assert len(grouping.snapshot()) < 2_000


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "content"),
        (b"\xc1", "content"),
        (msgspec.msgpack.encode(State(9, 0, 0, 0, -1, 0, 0, 0.0, 0, [], [])), "format"),
    ],
)
def test_broken_groups_are_refused_with_their_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(SnapshotError) as refused:
        Grouping.restore(raw)
    assert refused.value.reason == reason
