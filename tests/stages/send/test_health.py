"""Breaker and pauses, as tables of what comes back and what may be called then."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.sink import Delivered, Refused, Retry
from pipeline.domain.units import Rate
from pipeline.stages.send.health import (
    COOL_DOWN_MS_MAX,
    NOT_BEFORE_A_RESULT,
    abandoned,
    begun,
    ended,
    free_to_call_ms,
)
from pipeline.stages.send.tables import ReceiverState
from tests.stages.send.given import pager

CONFIG = pager(breaker_failures=3)
NOW_MS = 1_700_000_000_000
FAILED = Retry(why="no")
THROTTLED = Retry(why="429", status=429, is_throttled=True)


def after(
    *outcomes: Any, config: Any = CONFIG, state: ReceiverState | None = None
) -> ReceiverState:
    """The state after calls, one at a time, each begun and ended now."""
    state = state or ReceiverState()
    for outcome in outcomes:
        state = ended(begun(state, config, NOW_MS), outcome, config, "seed", NOW_MS)
    return state


@pytest.mark.parametrize(
    ("outcomes", "is_open"),
    [
        ((FAILED,) * 2, False),
        ((FAILED,) * 3, True),
        ((FAILED, FAILED, Delivered(), FAILED, FAILED), False),
        ((FAILED, FAILED, Refused(why="no"), FAILED, FAILED), False),
        ((FAILED, FAILED, THROTTLED, FAILED, FAILED), False),
        ((THROTTLED,) * 9, False),
        ((Refused(why="no"),) * 9, False),
    ],
)
def test_when_the_breaker_opens(outcomes: tuple[Any, ...], *, is_open: bool) -> None:
    state = after(*outcomes)
    assert bool(state.open_until_ms) is is_open
    assert state.in_flight == 0


def test_the_cool_down_doubles_up_to_a_minute_and_a_success_closes() -> None:
    state = after(FAILED, FAILED, FAILED)
    delays = []
    for _ in range(8):
        delays.append(state.open_until_ms - NOW_MS)
        assert free_to_call_ms(state, CONFIG, NOW_MS) == state.open_until_ms
        state = after(FAILED, state=replace(state, open_until_ms=1))
    assert delays == [5_000, 10_000, 20_000, 40_000] + [COOL_DOWN_MS_MAX] * 4
    state = after(Delivered(), state=replace(state, open_until_ms=1))
    assert (state.open_until_ms, state.opens, state.failures) == (0, 0, 0)


def test_half_open_lets_one_call_through() -> None:
    state = replace(after(FAILED, FAILED, FAILED), open_until_ms=NOW_MS)
    assert free_to_call_ms(state, CONFIG, NOW_MS) == NOW_MS
    state = begun(state, CONFIG, NOW_MS)
    assert free_to_call_ms(state, CONFIG, NOW_MS) == NOT_BEFORE_A_RESULT
    assert free_to_call_ms(abandoned(state), CONFIG, NOW_MS) == NOW_MS


def test_a_call_begun_before_it_opened_changes_nothing() -> None:
    state = begun(ReceiverState(), CONFIG, NOW_MS)
    state = after(FAILED, FAILED, FAILED, state=state)
    late = ended(state, FAILED, CONFIG, "seed", NOW_MS + 1)
    assert (late.open_until_ms, late.opens) == (state.open_until_ms, state.opens)
    assert late.in_flight == 0


@pytest.mark.parametrize(
    ("outcome", "pause_ms"),
    [
        (replace(THROTTLED, after_s=30.0), 30_000),
        (replace(THROTTLED, after_s=86_400.0), 3_600_000),
        (Retry(why="503", status=503, after_s=7.0), 7_000),
        (FAILED, 0),
    ],
)
def test_a_pause_holds_the_whole_receiver(outcome: Retry, pause_ms: int) -> None:
    state = after(outcome)
    assert free_to_call_ms(state, CONFIG, NOW_MS) == NOW_MS + pause_ms


def test_pauses_without_a_wish_grow_to_a_minute() -> None:
    state = ReceiverState()
    for _ in range(30):
        state = after(THROTTLED, state=replace(state, paused_until_ms=0))
        assert state.paused_until_ms <= NOW_MS + 64_000
    assert state.throttles == 30
    assert after(Delivered(), state=state).throttles == 0


def test_load_and_rate_hold_calls_back() -> None:
    config = pager(in_flight_max=2, rate=Rate.parse("3/m"))
    state = begun(begun(ReceiverState(), config, NOW_MS), config, NOW_MS)
    assert free_to_call_ms(state, config, NOW_MS) == NOT_BEFORE_A_RESULT
    state = ended(state, Delivered(), config, "seed", NOW_MS)
    assert free_to_call_ms(state, config, NOW_MS) == NOW_MS
    state = ended(begun(state, config, NOW_MS), Delivered(), config, "seed", NOW_MS)
    assert NOW_MS + 60_000 <= free_to_call_ms(state, config, NOW_MS) <= NOW_MS + 62_000
