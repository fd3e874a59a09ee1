"""A receiver's health: the breaker, and the pauses that a receiver asks for.

The breaker opens after some failed calls in a row and lets one probe through after a cool-down
that doubles with each failed probe. A receiver that throttles us is healthy: it only pauses.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from pipeline.domain.sink import Outcome, Retry
from pipeline.stages.send.backoff import asked_ms, delay_ms
from pipeline.stages.send.config import Receiver
from pipeline.stages.send.rate import counted, free_at_ms
from pipeline.stages.send.tables import ReceiverState

COOL_DOWN_MS_MAX: Final = 60_000
THROTTLES_MAX: Final = 7
"""Without a wish of the receiver its pauses grow up to BASE_MS doubled so many times: a minute."""

NOT_BEFORE_A_RESULT: Final = -1


def free_to_call_ms(state: ReceiverState, config: Receiver, now_ms: int) -> int:
    """When the next call may begin: `now_ms` for at once, a later instant, or
    NOT_BEFORE_A_RESULT where a call under way has to end first.
    """
    if state.is_probing or state.in_flight >= config.in_flight_max:
        return NOT_BEFORE_A_RESULT
    held_until_ms = max(state.open_until_ms, state.paused_until_ms)
    if held_until_ms > now_ms:
        return held_until_ms
    return free_at_ms(state.window, config.rate, now_ms)


def begun(state: ReceiverState, config: Receiver, now_ms: int) -> ReceiverState:
    """The state after a call was begun; while the breaker is open that call is its probe."""
    return replace(
        state,
        in_flight=state.in_flight + 1,
        window=counted(state.window, config.rate, now_ms),
        is_probing=state.open_until_ms > 0,
    )


def ended(
    state: ReceiverState, outcome: Outcome, config: Receiver, seed: str, now_ms: int
) -> ReceiverState:
    """The state after a call came back."""
    state = replace(state, in_flight=max(state.in_flight - 1, 0))
    if not isinstance(outcome, Retry):
        return replace(state, failures=0, opens=0, open_until_ms=0, is_probing=False, throttles=0)
    if outcome.is_throttled:
        throttles = state.throttles + 1
        pause_ms = delay_ms(seed, min(throttles, THROTTLES_MAX), outcome.after_s)
        return replace(
            state,
            failures=0,
            opens=0,
            open_until_ms=0,
            is_probing=False,
            throttles=throttles,
            paused_until_ms=max(state.paused_until_ms, now_ms + pause_ms),
        )
    paused_until_ms = max(state.paused_until_ms, now_ms + asked_ms(outcome.after_s))
    return _failed(replace(state, paused_until_ms=paused_until_ms), config, now_ms)


def abandoned(state: ReceiverState) -> ReceiverState:
    """The state after a call ended with its worker: that says nothing of the receiver."""
    return replace(state, in_flight=max(state.in_flight - 1, 0), is_probing=False)


def _failed(state: ReceiverState, config: Receiver, now_ms: int) -> ReceiverState:
    failures = state.failures + 1
    if state.open_until_ms and not state.is_probing:
        return replace(state, failures=failures)  # begun before it opened: nothing new
    if not state.is_probing and failures < config.breaker_failures:
        return replace(state, failures=failures)
    cool_down_ms = min(int(config.breaker_cool_down) << min(state.opens, 10), COOL_DOWN_MS_MAX)
    return replace(
        state,
        failures=failures,
        opens=state.opens + 1,
        open_until_ms=now_ms + max(cool_down_ms, 1),
        is_probing=False,
    )
