"""The delivery loop against a real server: every started entry brings exactly one result."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from pipeline.domain.call import CallResult
from pipeline.domain.notification import Notification
from pipeline.domain.sink import Calls, Delivered, Http, Refused, Retry
from pipeline.stages.send.admission import UNDECLARED
from pipeline.stages.send.config import Receiver, receiver_config
from pipeline.stages.send.tables import CALLING, Entry
from pipeline.wire import loop as wire_loop
from pipeline.wire.client import Client, ping, post
from pipeline.wire.loop import DeliveryLoop
from tests.stages.send.given import ROUTING_KEY, SINKS, hook, pager, told
from tests.wait import wait_until_async
from tests.wire.server import HANG, RESET, Server, always, serving


class Wire:
    """A loop, its server, and what it brought back."""

    def __init__(
        self, server: Server, client: Client, receivers: dict[str, Receiver] | None = None
    ) -> None:
        self.server = server
        self.results: list[CallResult] = []
        self.may_call = True
        self.loop = DeliveryLoop(
            client,
            SINKS,
            receivers or {"on-call": pager(url=server.url)},
            "abcdefgh",
            self.results.append,
            may_call=lambda: self.may_call,
        )

    def start(self, *, incident_id: str = "00000000000000aa.1", attempt: int = 1) -> None:
        self.loop.start(calling(told(1, "trigger", incident_id=incident_id), attempt))

    async def outcome(self) -> Any:
        self.start()
        await until(lambda: len(self.results) == 1)
        return self.results[0].outcome


async def until(condition: Callable[[], bool]) -> None:
    await wait_until_async(condition, what="the loop brings what it should")


def calling(notification: Notification, attempt: int = 1) -> Entry:
    return Entry(
        notification=notification,
        state=CALLING,
        attempt=attempt,
        started_at_ms=1_700_000_000_000,
    )


@asynccontextmanager
async def wired(answer: Callable[..., tuple[int, str, bytes]]) -> AsyncIterator[Wire]:
    async with serving(answer) as server:
        client = Client()
        try:
            yield Wire(server, client)
        finally:
            await client.close()


async def test_an_entry_is_called_and_its_result_brought_back() -> None:
    async with wired(always(202, b'{"status":"success"}')) as wire:
        wire.start(attempt=3)
        await until(lambda: bool(wire.results))
        (result,) = wire.results
        assert result.key == "on-call/00000000000000aa.1/00000001"
        assert (result.attempt, result.took_ms >= 0) == (3, True)
        assert result.outcome == Delivered(ref="abcdefgh/00000000000000aa.1", status=202)
        (request,) = wire.server.requests
        assert (request.method, request.path) == ("POST", "/v2/enqueue")
        body = msgspec.json.decode(request.body)
        assert body["dedup_key"] == "abcdefgh/00000000000000aa.1"
        assert body["routing_key"] == ROUTING_KEY


@pytest.mark.parametrize(
    ("status", "extra", "expected"),
    [
        (429, "retry-after: 7\r\n", {"status": 429, "is_throttled": True, "after_s": 7.0}),
        (429, "", {"status": 429, "is_throttled": True, "after_s": 0.0}),
        (500, "", {"status": 500, "is_throttled": False, "is_ambiguous": True}),
        (503, "retry-after: 9\r\n", {"status": 503, "is_ambiguous": False, "after_s": 9.0}),
        (302, "location: http://127.0.0.1/\r\n", {"status": 302, "is_ambiguous": False}),
        (RESET, "", {"status": 0, "is_ambiguous": True}),
    ],
)
async def test_what_an_answer_becomes(status: int, extra: str, expected: dict[str, Any]) -> None:
    async with wired(always(status, b"", extra)) as wire:
        outcome = await wire.outcome()
        assert isinstance(outcome, Retry)
        assert {name: getattr(outcome, name) for name in expected} == expected
        assert len(wire.server.requests) == 1


async def test_a_connection_that_broke_when_it_was_used_again_is_ambiguous() -> None:
    answers = iter([202, RESET])
    async with wired(lambda _request: (next(answers), "", b"{}")) as wire:
        assert isinstance(await wire.outcome(), Delivered)
        wire.start()
        await until(lambda: len(wire.results) == 2)
        assert wire.results[1].retry is not None
        assert wire.results[1].retry.is_ambiguous


async def test_a_receiver_that_nobody_serves_was_surely_not_told() -> None:
    async with wired(always(202)) as wire:
        wire.server.break_off()
        client = Client()
        async with serving(always(202)) as gone:
            url = gone.url
        away = Wire(wire.server, client, {"on-call": pager(url=url)})
        outcome = await away.outcome()
        await client.close()
        assert isinstance(outcome, Retry)
        assert not outcome.is_ambiguous


async def test_a_hanging_receiver_is_ambiguous_after_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire_loop, "CALL_DEADLINE_MS", 200)
    async with wired(always(HANG)) as wire:
        outcome = await wire.outcome()
        assert isinstance(outcome, Retry)
        assert outcome.is_ambiguous
        assert len(wire.server.requests) == 1


async def test_without_a_lease_nothing_is_sent() -> None:
    async with wired(always(202)) as wire:
        wire.may_call = False
        outcome = await wire.outcome()
        assert outcome == Retry(why=wire_loop.NO_LEASE)
        assert wire.server.requests == []


async def test_cancelling_brings_a_result_for_each_call() -> None:
    async with wired(always(HANG)) as wire:
        wire.start(incident_id="00000000000000aa.1")
        await until(lambda: len(wire.server.requests) == 1)
        wire.start(incident_id="00000000000000aa.2")
        await wire.loop.cancel_all()
        assert wire.loop.count == 0
        outcomes = {r.key.split("/")[1][-1]: r.outcome for r in wire.results}
        assert outcomes == {
            "1": Retry(why=wire_loop.CANCELLED, is_ambiguous=True),
            "2": Retry(why=wire_loop.CANCELLED, is_ambiguous=False),
        }


async def test_idle_waits_for_what_is_under_way() -> None:
    async with wired(always(202)) as wire:
        assert await wire.loop.idle(0)
        wire.start()
        assert not await wire.loop.idle(0)
        assert await wire.loop.idle(20)
        assert len(wire.results) == 1


async def test_an_undeclared_receiver_brings_a_result_too() -> None:
    async with wired(always(202)) as wire:
        wire.loop.start(calling(told(1, "trigger", receiver="nobody")))
        await until(lambda: bool(wire.results))
        assert wire.results[0].outcome == Retry(why=UNDECLARED)


class NoSettings(msgspec.Struct, frozen=True):
    """A sink that needs nothing."""


class Wrong:
    """A sink that does what its script says instead of what a sink should."""

    name = "wrong"
    config_type = NoSettings
    has_idempotency = False

    def __init__(self, script: Callable[[], Calls]) -> None:
        self._script = script

    def send(
        self, notification: Notification, config: Any, ref: str, key: str, now_ms: int
    ) -> Calls:
        return self._script()


def raises() -> Calls:
    raise ValueError("what now")
    yield Http(method="GET", url="")


def returns_none() -> Calls:
    return None  # type: ignore[return-value]
    yield Http(method="GET", url="")


def asks_for_ever() -> Calls:
    while True:
        yield Http(method="GET", url="nonsense://")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (raises, "what now"),
        (returns_none, "returned NoneType"),
        (asks_for_ever, "more than 8 requests"),
    ],
)
async def test_a_sink_at_fault_loses_no_entry(script: Callable[[], Calls], why: str) -> None:
    results: list[CallResult] = []
    client = Client()
    sink = Wrong(script)
    receiver = receiver_config(sink)(sink="wrong")
    loop = DeliveryLoop(client, {"wrong": sink}, {"on-call": receiver}, "abcdefgh", results.append)
    loop.start(calling(told(1, "trigger")))
    await until(lambda: bool(results))
    await client.close()
    assert results[0].retry is not None
    assert why in results[0].retry.why


async def test_no_secret_in_a_result_or_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f"bad key {ROUTING_KEY}".encode()
    async with serving(lambda r: (400 if r.path.startswith("/v2") else 403, "", echo)) as server:
        client = Client()
        wire = Wire(
            server,
            client,
            {"on-call": pager(url=server.url), "hook": hook(url=server.url + "/s3cret?sig=x")},
        )
        wire.start()
        wire.loop.start(calling(told(1, "trigger", receiver="hook")))
        await until(lambda: len(wire.results) == 2)
        await client.close()
    shown = repr(wire.results) + caplog.text
    assert ROUTING_KEY not in shown
    assert "s3cret" not in shown
    refused = next(r.refused for r in wire.results if r.refused)
    assert isinstance(refused, Refused)


async def test_post_and_ping() -> None:
    async with serving(lambda r: (204 if r.method == "POST" else 500, "", b"")) as server:
        client = Client()
        assert await post(client, server.url, {"x-a": "b"}, b"{}") == 204
        assert not await ping(client, server.url)
        await client.close()
        assert [(r.method, r.body) for r in server.requests] == [("POST", b"{}"), ("GET", b"")]


async def test_at_most_so_many_calls_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_loop, "CALLS_MAX", 3)
    async with wired(always(HANG)) as wire:
        for n in range(9):
            wire.start(incident_id=f"00000000000000aa.{n}")
        await until(lambda: wire.server.in_flight == 3)
        await asyncio.wait_for(wire.loop.cancel_all(), 20)
        assert (wire.server.in_flight_max, len(wire.results)) == (3, 9)


async def test_a_call_whose_turn_never_comes_is_no_fault_of_its_receiver(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire_loop, "CALLS_MAX", 1)
    async with wired(always(HANG)) as wire:
        wire.start(incident_id="00000000000000aa.1")
        await until(lambda: len(wire.server.requests) == 1)
        monkeypatch.setattr(wire_loop, "CALL_DEADLINE_MS", 100)
        wire.start(incident_id="00000000000000aa.2")
        await until(lambda: bool(wire.results))
        (result,) = wire.results
        assert result.key == "on-call/00000000000000aa.2/00000001"
        assert result.outcome == wire_loop.BUSY
        await wire.loop.cancel_all()
