"""What happens without a call: time passes by itself, and deliveries that get no answer."""

import asyncio
from collections.abc import Mapping

import httpx

from pipeline.simulate.pagerduty import PagerDutySimulator
from pipeline.simulate.pagerduty.webhooks.book import WebhookBook
from pipeline.simulate.pagerduty.webhooks.courier import Courier
from tests.simulate.pagerduty.events import event
from tests.wait import wait_until_async

NOW_MS = 1_800_000_000_000


async def test_an_unanswered_page_escalates_without_anybody_asking() -> None:
    now_ms = NOW_MS
    simulator = PagerDutySimulator(clock_ms=lambda: now_ms)
    await simulator.start()
    async with httpx.AsyncClient(base_url=simulator.url, trust_env=False) as client:
        await client.post("/v2/enqueue", json=event())
    (incident,) = simulator.incidents
    assert incident.created_at_ms == NOW_MS
    now_ms += 30 * 60_000
    await wait_until_async(lambda: incident.level == 2, what="the second level is paged")
    assert incident.pages == 2
    await simulator.stop()


def one_waiting() -> WebhookBook:
    book = WebhookBook()
    subscription = book.subscribe("https://x.test", ("incident.triggered",), "account", None)
    book.queue(subscription, "incident.triggered", "a", b"{}")
    return book


async def test_a_post_that_takes_too_long_or_fails_counts_as_no_answer() -> None:
    async def hang(url: str, headers: Mapping[str, str], body: bytes) -> int:
        await asyncio.Event().wait()
        return 200

    async def fail(url: str, headers: Mapping[str, str], body: bytes) -> int:
        raise ConnectionError("nobody there")

    for post in (hang, fail):
        book, settled = one_waiting(), asyncio.Event()
        courier = Courier(post, lambda: NOW_MS, settled.set, answer_within_s=0.01)
        courier.start_due(book, NOW_MS)
        await asyncio.wait_for(settled.wait(), timeout=10)
        assert [(a.status_code, a.outcome) for a in book.attempts] == [(None, "retry")]
        assert book.next_due_at_ms() == NOW_MS + 1_000
        await courier.close()


async def test_closing_ends_the_calls_under_way() -> None:
    async def hang(url: str, headers: Mapping[str, str], body: bytes) -> int:
        started.set()
        await asyncio.Event().wait()
        return 200

    book, started = one_waiting(), asyncio.Event()
    courier = Courier(hang, lambda: NOW_MS, lambda: None)
    courier.start_due(book, NOW_MS)
    await asyncio.wait_for(started.wait(), timeout=10)
    await asyncio.wait_for(courier.close(), timeout=10)
    assert book.waiting == 1
