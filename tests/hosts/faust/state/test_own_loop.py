"""A thread that follows something says what ended it, and does not die unnoticed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from pipeline.hosts.faust.state.own_loop import OwnLoop
from tests.wait import wait_until_async


class Following:
    """Has caught up at once, and ends with `last` when it is told to."""

    def __init__(self, last: BaseException) -> None:
        self._last = last

    async def follow(self, ready: Callable[[], None]) -> None:
        self._until = asyncio.Event()
        ready()
        await self._until.wait()
        raise self._last

    async def end(self) -> None:
        self._until.set()


def complaint(loop: OwnLoop) -> str:
    """What `check` raises, as a text."""
    try:
        loop.check()
    except (ValueError, RuntimeError) as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (ValueError("the log is gone"), "the log is gone"),
        (asyncio.CancelledError(), "the thread of the standbys has ended"),
    ],
    ids=["raised", "cancelled by somebody else"],
)
async def test_the_end_of_a_thread_is_noticed(last: BaseException, said: str) -> None:
    following = Following(last)
    loop = OwnLoop("standbys", following.follow)
    assert complaint(loop) == "", "it has not begun"
    await loop.start()
    assert complaint(loop) == ""
    await loop.call(following.end())
    await wait_until_async(lambda: complaint(loop) == said, what="check says what ended it")
    await loop.stop()


async def test_one_that_was_stopped_has_not_failed() -> None:
    loop = OwnLoop("standbys", Following(ValueError()).follow)
    await loop.start()
    await loop.stop()
    assert complaint(loop) == ""
