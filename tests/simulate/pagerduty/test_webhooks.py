"""Webhooks: signatures, order, repetition, and what becomes of a subscriber that says no."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from pipeline.simulate.pagerduty import PagerDutySimulator
from pipeline.simulate.pagerduty.webhooks.book import Delivery, Subscription, WebhookBook
from pipeline.simulate.pagerduty.webhooks.events import headers_of, sign
from tests.real import shared
from tests.simulate.pagerduty.events import event
from tests.wait import wait_until_async

HEADERS = {"Authorization": "Token token=abc", "From": "ada@example.com"}
TYPES = [
    f"incident.{name}"
    for name in (
        "triggered",
        "acknowledged",
        "unacknowledged",
        "resolved",
        "reopened",
        "reassigned",
        "escalated",
        "annotated",
    )
]


class Receiver:
    """A subscriber: an ASGI application that keeps what it gets and answers as told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        self.got.append(({k.decode(): v.decode() for k, v in scope["headers"]}, body))
        status = self.answers.pop(0) if self.answers else 202
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body)["event"] for _, body in self.got]

    @property
    def types(self) -> list[str]:
        return [found["event_type"].removeprefix("incident.") for found in self.events]


@asynccontextmanager
async def serving(receiver: Receiver) -> AsyncIterator[str]:
    config = uvicorn.Config(
        receiver, host="127.0.0.1", port=0, lifespan="off", log_config=None, ws="none"
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    await wait_until_async(lambda: server.started, what="the receiver serves")
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/hook"
    server.should_exit = True
    await running


@pytest.fixture
async def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def url(receiver: Receiver) -> AsyncIterator[str]:
    async with serving(receiver) as url:
        yield url


@pytest.fixture
async def simulator() -> AsyncIterator[PagerDutySimulator]:
    async with httpx.AsyncClient(trust_env=False) as outward:

        async def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
            answer = await outward.post(url, headers=dict(headers), content=body)
            return answer.status_code

        running = PagerDutySimulator(post=post)
        await running.start()
        yield running
        await running.stop()


async def subscribe(client: httpx.AsyncClient, url: str, **changes: Any) -> dict[str, Any]:
    hook = {
        "type": "webhook_subscription",
        "delivery_method": {
            "type": "http_delivery_method",
            "url": url,
            "custom_headers": [{"name": "X-Tenant", "value": "blue"}],
        },
        "events": TYPES,
        "filter": {"type": "account_reference"},
        **changes,
    }
    answer = await client.post(
        "/webhook_subscriptions", json={"webhook_subscription": hook}, headers=HEADERS
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()["webhook_subscription"]
    assert isinstance(found, dict)
    return found


def test_the_signature_is_that_of_the_published_example() -> None:
    vector = json.loads(shared("pagerduty/pagerduty_webhook_v3_vector.json").read_text())
    assert sign(vector["secret"], vector["body"].encode()) == vector["valid"]
    assert sign(vector["secret"], vector["body"].encode() + b" ") != vector["valid"]


async def test_the_life_of_an_incident_is_told_in_order_and_signed(
    simulator: PagerDutySimulator, client: httpx.AsyncClient, receiver: Receiver, url: str
) -> None:
    subscription = await subscribe(client, url)
    await client.post("/v2/enqueue", json=event())
    (incident,) = simulator.incidents
    path = f"/incidents/{incident.id}"

    async def put(**fields: Any) -> None:
        body = {"incident": {"type": "incident_reference", **fields}}
        assert (await client.put(path, json=body, headers=HEADERS)).status_code == 200

    ben = list(simulator.model.directory.users)[1]
    await client.post("/v2/enqueue", json=event("acknowledge"))
    await put(status="triggered")
    await put(assignments=[{"assignee": {"id": ben, "type": "user_reference"}}])
    await put(escalation_level=2)
    note = {"note": {"content": "found it"}}
    await client.post(f"{path}/notes", json=note, headers=HEADERS)
    await put(status="resolved")
    await put(status="triggered")
    await client.post("/v2/enqueue", json=event("trigger"))
    told = "triggered acknowledged unacknowledged reassigned escalated annotated resolved reopened"

    def first() -> list[dict[str, Any]]:
        return [found for found in receiver.events if incident.id in json.dumps(found)]

    await wait_until_async(lambda: len(first()) == 8, what="eight webhooks about the incident")
    assert [e["event_type"].removeprefix("incident.") for e in first()] == told.split()
    secret = subscription["delivery_method"]["secret"]
    for headers, body in receiver.got:
        assert headers["x-pagerduty-signature"] == sign(secret, body)
        assert headers["x-webhook-subscription"] == subscription["id"]
        assert headers["user-agent"] == "PagerDuty-Webhook/V3.0"
        assert headers["x-tenant"] == "blue"
    assert len({headers["x-webhook-id"] for headers, _ in receiver.got}) == len(receiver.got)
    triggered, acknowledged = first()[:2]
    assert triggered["data"]["status"] == "triggered"
    assert triggered["data"]["incident_key"] == "k1"
    assert acknowledged["data"]["status"] == "acknowledged"
    assert acknowledged["agent"]["type"] == "integration_reference"
    assert first()[5]["data"]["content"] == "found it"
    assert first()[6]["agent"]["summary"] == "Ada Bell"
    shown = await client.get(f"/webhook_subscriptions/{subscription['id']}", headers=HEADERS)
    method = shown.json()["webhook_subscription"]["delivery_method"]
    assert method["secret"] is None
    assert method["custom_headers"] == [{"name": "X-Tenant", "value": "<redacted>"}]


async def test_the_body_has_the_fields_of_the_published_example(
    client: httpx.AsyncClient, receiver: Receiver, url: str
) -> None:
    vector = json.loads(shared("pagerduty/pagerduty_webhook_v3_vector.json").read_text())
    published = json.loads(vector["body"])["event"]
    await subscribe(client, url)
    await client.post("/v2/enqueue", json=event())
    await wait_until_async(lambda: receiver.got, what="a webhook")
    assert set(receiver.events[0]) == set(published)
    assert set(receiver.events[0]["data"]) >= set(published["data"])
    assert len(receiver.events[0]["occurred_at"]) == len(published["occurred_at"])


async def test_a_failed_delivery_is_repeated_with_the_same_id_before_the_next_one(
    simulator: PagerDutySimulator, client: httpx.AsyncClient, receiver: Receiver, url: str
) -> None:
    simulator.desk.webhooks = WebhookBook(backoff_ms=5)
    receiver.answers = [500, 429]
    await subscribe(client, url)
    await client.post("/v2/enqueue", json=event())
    await client.post("/v2/enqueue", json=event("resolve"))
    await wait_until_async(lambda: len(receiver.got) == 4, what="three attempts and one more")
    assert receiver.types == ["triggered", "triggered", "triggered", "resolved"]
    ids = [headers["x-webhook-id"] for headers, _ in receiver.got]
    assert len(set(ids[:3])) == 1
    assert ids[3] != ids[0]
    shown = (await client.get("/_sim/webhooks")).json()
    outcomes = [attempt["outcome"] for attempt in shown["attempts"]]
    assert outcomes == ["retry", "retry", "delivered", "delivered"]


async def test_ping_and_unsubscribe(
    client: httpx.AsyncClient, receiver: Receiver, url: str
) -> None:
    subscription = await subscribe(client, url)
    path = f"/webhook_subscriptions/{subscription['id']}"
    assert (await client.post(f"{path}/ping", headers=HEADERS)).status_code == 202
    await wait_until_async(lambda: receiver.got, what="a ping")
    assert receiver.types == ["pagey.ping"]
    assert (await client.delete(path, headers=HEADERS)).status_code == 204
    assert (await client.get(path, headers=HEADERS)).status_code == 404


async def test_a_filter_keeps_other_services_out(
    simulator: PagerDutySimulator, client: httpx.AsyncClient, receiver: Receiver, url: str
) -> None:
    await client.post("/v2/enqueue", json=event())
    service = next(iter(simulator.model.directory.services))
    await subscribe(client, url, filter={"type": "service_reference", "id": service})
    await client.post("/v2/enqueue", json=event(routing_key="f" * 32))
    await client.post("/v2/enqueue", json=event("resolve"))
    await wait_until_async(lambda: receiver.got, what="a webhook")
    assert receiver.types == ["resolved"]


@pytest.mark.parametrize(
    "changes",
    [
        {"events": []},
        {"events": ["incident.exploded"]},
        {"filter": {"type": "planet_reference"}},
        {"filter": {"type": "service_reference"}},
        {"delivery_method": {"url": "ftp://x.test"}},
        {"delivery_method": {"url": "https://x.test", "custom_headers": [{"name": "a\nb"}]}},
        {"delivery_method": None},
    ],
)
async def test_a_wrong_subscription_is_refused(
    client: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError, match="2001"):
        await subscribe(client, "https://x.test", **changes)


def queued(book: WebhookBook, *resources: str) -> Subscription:
    subscription = book.subscribe("https://x.test", ("incident.triggered",), "account", None)
    for resource in resources:
        book.queue(subscription, "incident.triggered", resource, b"{}")
    return subscription


def attempt(book: WebhookBook, status: int | None, now_ms: int = 0) -> list[Delivery]:
    taken = list(book.take_due(now_ms))
    for subscription, resource, delivery in taken:
        book.settle(subscription, resource, delivery, status, now_ms)
    return [delivery for _, _, delivery in taken]


def test_lanes_are_independent_and_each_goes_one_at_a_time() -> None:
    book = WebhookBook()
    queued(book, "a", "a", "b")
    taken = list(book.take_due(0))
    assert [resource for _, resource, _ in taken] == ["a", "b"]
    assert list(book.take_due(0)) == []
    for subscription, resource, delivery in taken:
        book.settle(subscription, resource, delivery, 200, 0)
    assert len(attempt(book, 200)) == 1
    assert (book.waiting, book.delivered) == (0, 3)


def test_waits_double_and_attempts_end() -> None:
    book = WebhookBook(attempts_max=4, backoff_ms=100)
    queued(book, "a")
    times = []
    now_ms: int | None = 0
    while now_ms is not None:
        times.append(now_ms)
        attempt(book, None, now_ms)
        now_ms = book.next_due_at_ms()
    assert times == [0, 100, 300, 700]
    assert (book.waiting, book.dropped) == (0, 1)


def test_three_refusals_in_a_row_disable_the_subscription_for_a_day() -> None:
    book = WebhookBook()
    subscription = queued(book, *"abcdef")
    first = list(book.take_due(0))
    for number, (one, resource, delivery) in enumerate(first):
        book.settle(one, resource, delivery, 404 if number < 3 else 202, 0)
    assert book.waiting == 0
    assert not subscription.wants("incident.triggered", "any", 24 * 3600 * 1000 - 1)
    assert subscription.wants("incident.triggered", "any", 24 * 3600 * 1000)


def test_the_queue_is_bounded() -> None:
    book = WebhookBook(waiting_max=2)
    queued(book, "a", "a", "a", "b")
    assert (book.waiting, book.dropped) == (2, 2)
    big = WebhookBook()
    big.queue(queued(big), "incident.triggered", "a", b"x" * (256 * 1024 + 1))
    assert (big.waiting, big.dropped) == (0, 1)


def test_the_secret_is_in_no_representation() -> None:
    book = WebhookBook(b"seed")
    subscription = queued(book, "a")
    assert subscription.secret not in repr(subscription)
    assert subscription.secret != WebhookBook(b"other").subscribe("", (), "", None).secret
    ((_, _, delivery),) = book.take_due(0)
    headers = headers_of(subscription, delivery)
    assert headers == headers_of(subscription, delivery)
    assert headers["X-Webhook-Id"] == delivery.webhook_id
