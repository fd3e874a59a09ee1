"""The HTTP face: a bare ASGI application in front of the desk.

Bare, because `/v2/enqueue` must take thousands of calls a second on a core that is shared with
the program under test. Breaking a connection needs more than ASGI has: the server (see
`server`) puts a callable that resets it into the scope's `extensions`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl

import msgspec

from pipeline.simulate.pagerduty.call_log import LogFull
from pipeline.simulate.pagerduty.control import PREFIX, serve_control
from pipeline.simulate.pagerduty.desk import Answer, Desk, EventsApi
from pipeline.simulate.pagerduty.event_rules import BODY_SIZE_BYTES_MAX, refuse_size
from pipeline.simulate.pagerduty.rest.errors import RestError
from pipeline.simulate.pagerduty.rest.routes import RestRequest

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
RESET: Final = "tocsin.reset_connection"
CONTROL_BODY_BYTES_MAX: Final = 1024 * 1024
REST_BODY_BYTES_MAX: Final = 1024 * 1024
_EVENTS_APIS: Final[dict[str, EventsApi]] = {
    "/v2/enqueue": "events",
    "/v2/change/enqueue": "change",
}
_JSON: Final = (b"content-type", b"application/json; charset=utf-8")


class Face:
    """The ASGI application. `close` ends the calls that hang."""

    def __init__(
        self, desk: Desk, clock_ms: Callable[[], int], on_work: Callable[[], None]
    ) -> None:
        self._desk = desk
        self._on_work = on_work
        self._clock_ms = clock_ms
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Break every hanging call: the server is about to stop."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        api = _EVENTS_APIS.get(path)
        try:
            if api is not None and method == "POST":
                await self._event(api, scope, receive, send)
            elif path.startswith(PREFIX):
                await self._control(scope, receive, send)
            else:
                await self._rest(scope, receive, send)
        except _ClientGone:
            return
        except (LogFull, OSError) as broken:
            body = {"status": "error", "message": f"log: {broken}", "errors": []}
            await _send(send, Answer(500, msgspec.json.encode(body)))

    async def _event(self, api: EventsApi, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive, BODY_SIZE_BYTES_MAX)
        call = self._desk.read(api, body) if isinstance(body, bytes) else refuse_size(body)
        fault = self._desk.faults.pick("events", call.routing_key, self._clock_ms())
        if fault is not None and fault.kind == "slow":
            await self._pause(fault.ms or 0)
        answer = self._desk.take(api, call, fault, self._clock_ms())
        if self._desk.webhooks.subscriptions:
            self._on_work()
        await self._answer(answer, scope, receive, send, closes=not isinstance(body, bytes))

    async def _rest(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive, REST_BODY_BYTES_MAX)
        if not isinstance(body, bytes):
            error = RestError(413, 2001, "the body is over 1 MiB")
            await _send(send, Answer(413, msgspec.json.encode(error.body())), closes=True)
            return
        headers = {
            name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]
        }
        host = headers.get("host", "localhost")
        request = RestRequest(
            scope["method"],
            scope["path"],
            parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True),
            headers,
            body,
            f"{scope['scheme']}://{host}",
        )
        token = headers.get("authorization", "")
        fault = self._desk.faults.pick("rest", token, self._clock_ms())
        if fault is not None and fault.kind == "slow":
            await self._pause(fault.ms or 0)
        answer = self._desk.take_rest(request, fault, self._clock_ms())
        self._on_work()
        await self._answer(answer, scope, receive, send)

    async def _answer(
        self, answer: Answer, scope: Scope, receive: Receive, send: Send, *, closes: bool = False
    ) -> None:
        if answer.then == "hang" and not await self._hold(answer.ms, receive):
            answer = answer._replace(then="reset")
        if answer.then == "reset":
            await self._reset(scope, receive)
        else:
            await _send(send, answer, closes=closes)

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive, CONTROL_BODY_BYTES_MAX)
        if not isinstance(body, bytes):
            await _send(send, Answer(413, b'{"error":"body is over 1 MiB"}'), closes=True)
            return
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        status_code, answer = serve_control(
            self._desk, scope["method"], scope["path"], query, body, self._clock_ms()
        )
        await _send(send, Answer(status_code, answer))

    async def _pause(self, ms: int) -> None:
        """Wait, at most until the server stops."""
        try:
            async with asyncio.timeout(ms / 1000):
                await self._closing.wait()
        except TimeoutError:
            return

    async def _hold(self, ms: int | None, receive: Receive) -> bool:
        """Keep silent for `ms`; False when the server is stopping, or for ever (None) is over."""
        closing = asyncio.ensure_future(self._closing.wait())
        gone = asyncio.ensure_future(receive())
        try:
            done, _ = await asyncio.wait(
                (closing, gone),
                timeout=None if ms is None else ms / 1000,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            closing.cancel()
            gone.cancel()
        if gone in done:
            raise _ClientGone
        return closing not in done

    async def _reset(self, scope: Scope, receive: Receive) -> None:
        scope["extensions"][RESET]()
        # The server takes a call without an answer for a mistake until it has seen the
        # connection go; so wait for that.
        while (await receive())["type"] != "http.disconnect":
            pass


class _ClientGone(Exception):
    pass


async def _read(receive: Receive, size_bytes_max: int) -> bytes | int:
    """The whole body; or, when it is over the limit, how many bytes had come by then."""
    parts: list[bytes] = []
    size_bytes = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise _ClientGone
        part = event.get("body", b"")
        size_bytes += len(part)
        if size_bytes > size_bytes_max:
            return size_bytes
        parts.append(part)
        if not event.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def _send(send: Send, answer: Answer, *, closes: bool = False) -> None:
    length = (b"content-length", str(len(answer.body)).encode())
    # After a body that was not read to its end the connection cannot be used again.
    closing = ((b"connection", b"close"),) if closes else ()
    await send(
        {
            "type": "http.response.start",
            "status": answer.status_code,
            "headers": [_JSON, length, *answer.headers, *closing],
        }
    )
    await send({"type": "http.response.body", "body": answer.body})
