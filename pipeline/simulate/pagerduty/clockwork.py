"""What happens in the simulator without a call: due escalations, ends of snoozes, webhooks.

One task that sleeps until the next thing is due, at most a second; `stir` wakes it at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from pipeline.simulate.pagerduty.desk import Desk
from pipeline.simulate.pagerduty.webhooks.courier import Courier, Post

LOOK_EVERY_MS: Final = 1_000


class Clockwork:
    """Runs beside the server. Without `post`, webhooks are queued and never delivered."""

    def __init__(self, desk: Desk, clock_ms: Callable[[], int], post: Post | None) -> None:
        self._desk = desk
        self._clock_ms = clock_ms
        self._stirred = asyncio.Event()
        self._courier = Courier(post, clock_ms, self.stir) if post is not None else None

    def stir(self) -> None:
        """Look now whether something is due: a call may have changed it."""
        self._stirred.set()

    async def run(self) -> None:
        """Run until cancelled."""
        try:
            while True:
                self._stirred.clear()
                now_ms = self._clock_ms()
                self._desk.model.incidents.run_due(now_ms)
                if self._courier is not None:
                    self._courier.start_due(self._desk.webhooks, now_ms)
                await self._sleep(now_ms)
        finally:
            if self._courier is not None:
                await self._courier.close()

    async def _sleep(self, now_ms: int) -> None:
        due_at_ms = [self._desk.model.incidents.next_due_at_ms()]
        if self._courier is not None:
            due_at_ms.append(self._desk.webhooks.next_due_at_ms())
        waits_ms = [at_ms - now_ms for at_ms in due_at_ms if at_ms is not None]
        # A delivery that is due but finds no free place would make this loop spin.
        wait_ms = max(5, min([*waits_ms, LOOK_EVERY_MS]))
        try:
            async with asyncio.timeout(wait_ms / 1000):
                await self._stirred.wait()
        except TimeoutError:
            return
