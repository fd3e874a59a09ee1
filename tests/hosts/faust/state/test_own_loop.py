"""A thread that follows something says what ended it, and does not die unnoticed."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from pipeline.hosts.faust.state.own_loop import OwnLoop
from tests.wait import wait_until_async

Follow = Callable[[Callable[[], None]], Coroutine[Any, Any, None]]


def following(until: asyncio.Event, last: BaseException) -> Follow:
    """It has caught up at once, and ends with `last` when the event is set."""

    async def follow(ready: Callable[[], None]) -> None:
        ready()
        while not until.is_set():
            await asyncio.sleep(0.01)
        raise last

    return follow


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (ValueError("the log is gone"), "the log is gone"),
        (asyncio.CancelledError(), "the thread of the standbys has ended"),
    ],
    ids=["raised", "cancelled by somebody else"],
)
async def test_the_end_of_a_thread_is_noticed(last: BaseException, said: str) -> None:
    until = asyncio.Event()
    loop = OwnLoop("standbys", following(until, last))
    loop.check()
    await loop.start()
    loop.check()
    until.set()

    def complaint() -> str:
        try:
            loop.check()
        except (ValueError, RuntimeError) as error:
            return str(error)
        return ""

    await wait_until_async(lambda: complaint() == said, what="check says what ended it")
    await loop.stop()


async def test_one_that_was_stopped_has_not_failed() -> None:
    loop = OwnLoop("standbys", following(asyncio.Event(), ValueError()))
    await loop.start()
    await loop.stop()
    loop.check()
