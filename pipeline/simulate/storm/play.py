"""Playing a recording: each request at its time, one after the other, as its sender would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from msgspec import Struct

from pipeline.simulate.storm.recording import Recording, Step

Post = Callable[[str, bytes], Awaitable[tuple[int, bytes]]]
"""From a path and a body to the answer's status (0: none came) and body."""


class Answered(Struct, frozen=True):
    """What became of one request: alerts accepted, and members refused."""

    step: Step
    status: int
    accepted: int
    refused: int


class _Answer(Struct):
    accepted: int = 0
    refused: list[object] = []
    errors: list[object] = []


async def play(
    recording: Recording,
    post: Post,
    on_answer: Callable[[Answered], None],
    *,
    start_ms: int,
    speed: float = 1.0,
) -> None:
    """Send every request of a recording as if it had begun at `start_ms`; `speed` 2.0 waits half
    as long. A request that is refused is not repeated.
    """
    clock = asyncio.get_running_loop().time
    begun_s = clock()
    for step in recording.steps:
        await asyncio.sleep(max(0.0, begun_s + step.at_ms / 1000 / speed - clock()))
        status, raw = await post(step.path, recording.body(step, start_ms))
        on_answer(_answered(step, status, raw))


def _answered(step: Step, status: int, raw: bytes) -> Answered:
    try:
        answer = msgspec.json.decode(raw, type=_Answer)
    except msgspec.DecodeError:
        answer = _Answer()
    if 200 <= status < 300:
        return Answered(step, status, answer.accepted, len(answer.refused))
    return Answered(step, status, 0, max(len(answer.errors), 1))
