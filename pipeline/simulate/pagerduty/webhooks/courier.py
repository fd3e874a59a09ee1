"""Brings due deliveries to their subscribers through a `post` that the caller hands in.

The simulator makes no HTTP client of its own: whoever starts it decides which one calls out. A
`post` that raises or takes longer than five seconds counts as no answer, as in PagerDuty.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from pipeline.simulate.pagerduty.webhooks.book import Delivery, Subscription, WebhookBook
from pipeline.simulate.pagerduty.webhooks.events import headers_of

ANSWER_WITHIN_S: Final = 5.0
Post = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
"""(url, headers, body) to the status of the answer; raises when there is none."""


class Courier:
    """Makes the calls that are due; `close` ends those that are under way."""

    def __init__(
        self,
        post: Post,
        clock_ms: Callable[[], int],
        on_settled: Callable[[], None],
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        self._post = post
        self._clock_ms = clock_ms
        self._on_settled = on_settled
        self._answer_within_s = answer_within_s
        self._calls: set[asyncio.Task[None]] = set()

    def start_due(self, book: WebhookBook, now_ms: int) -> None:
        """Start every call that is due."""
        for due in list(book.take_due(now_ms)):
            call = asyncio.create_task(self._deliver(book, *due))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def close(self) -> None:
        """Break what is under way; it counts as not delivered."""
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _deliver(
        self, book: WebhookBook, subscription: Subscription, resource_id: str, delivery: Delivery
    ) -> None:
        status_code: int | None = None
        try:
            async with asyncio.timeout(self._answer_within_s):
                status_code = await self._post(
                    subscription.url, headers_of(subscription, delivery), delivery.body
                )
        except Exception:  # noqa: BLE001 - whichever client is behind `post`, it got no answer
            status_code = None
        finally:
            book.settle(subscription, resource_id, delivery, status_code, self._clock_ms())
            self._on_settled()
