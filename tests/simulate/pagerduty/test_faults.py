"""Faults hit by share, count and time, and the same seed gives the same hits."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.simulate.pagerduty.faults import Fault, FaultPlan, Faults
from tests.simulate.pagerduty.events import KEY, OTHER_KEY


def armed(*faults: Fault, seed: int = 1, now_ms: int = 0) -> Faults:
    found = Faults()
    found.set(FaultPlan(list(faults), seed), now_ms)
    return found


def hits(faults: Faults, calls: int) -> list[bool]:
    return [faults.pick("events", KEY, 0) is not None for _ in range(calls)]


def test_without_a_plan_nothing_goes_wrong() -> None:
    assert hits(Faults(), 3) == [False] * 3


def test_a_count_ends_a_fault() -> None:
    assert hits(armed(Fault("down", count=2)), 4) == [True, True, False, False]


def test_time_ends_a_fault() -> None:
    faults = armed(Fault("down", for_ms=100), Fault("slow", until_at_ms=1_150), now_ms=1_000)
    picked = [faults.pick("events", KEY, at_ms) for at_ms in (1_000, 1_099, 1_100, 1_149, 1_150)]
    assert [fault and fault.kind for fault in picked] == ["down", "down", "slow", "slow", None]


def test_a_share_is_met_roughly() -> None:
    assert 400 <= sum(hits(armed(Fault("status", share=0.05)), 10_000)) <= 600


@given(st.integers(), st.floats(0, 1))
def test_law_the_same_seed_gives_the_same_hits(seed: int, share: float) -> None:
    first, second = (hits(armed(Fault("status", share=share), seed=seed), 50) for _ in range(2))
    assert first == second


def test_an_earlier_fault_does_not_change_the_dice_of_a_later_one() -> None:
    alone = armed(Fault("status", share=0.0), Fault("slow", share=0.5))
    behind = armed(Fault("status", count=0), Fault("slow", share=0.5))
    assert hits(alone, 100) == hits(behind, 100)


def test_the_rate_limit_is_a_sliding_minute_per_key() -> None:
    faults = armed(Fault("rate_limit", per_minute=2))
    times = [0, 30_000, 59_999, 60_000, 60_001, 90_000, 90_001]
    limited = [faults.pick("events", KEY, at_ms) is not None for at_ms in times]
    assert limited == [False, False, True, False, True, False, True]
    assert faults.pick("events", OTHER_KEY, 90_001) is None


def test_a_fault_keeps_to_its_api() -> None:
    faults = armed(Fault("down", api="rest"))
    assert faults.pick("events", KEY, 0) is None
    assert faults.pick("rest", "", 0) is not None


@pytest.mark.parametrize(
    "plan",
    [
        b'{"faults":[{"kind":"explode"}]}',
        b'{"faults":[{"kind":"status","share":1.5}]}',
        b'{"faults":[{"kind":"status","status":200}]}',
        b'{"faults":[{"kind":"slow","milliseconds":3}]}',
        b'{"faults":{}}',
        b"{}",
    ],
)
def test_a_wrong_plan_is_refused(plan: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(plan, type=FaultPlan)
