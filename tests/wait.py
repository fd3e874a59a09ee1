"""Waiting for a condition with a deadline: the only place in the tests that sleeps."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
POLL_INTERVAL_S = 0.01


def wait_until(condition: Callable[[], T], *, what: str, deadline_s: float = 20.0) -> T:
    """Return what the condition gives as soon as that is true; fail the test after the deadline."""
    give_up_at = time.monotonic() + deadline_s
    while not (found := condition()):
        if time.monotonic() > give_up_at:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(POLL_INTERVAL_S)
    return found


async def wait_until_async(condition: Callable[[], T], *, what: str, deadline_s: float = 20.0) -> T:
    """As `wait_until`, leaving the event loop free between two looks."""
    give_up_at = time.monotonic() + deadline_s
    while not (found := condition()):
        if time.monotonic() > give_up_at:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        await asyncio.sleep(POLL_INTERVAL_S)
    return found
