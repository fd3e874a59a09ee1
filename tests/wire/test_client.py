"""The client: what a broken connection means, what is read, TLS, cookies, redirects."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import httpx
import pytest
import trustme

from pipeline.domain.sink import Http, Response
from pipeline.wire.client import BODY_SIZE_MAX, Client, may_be_taken, trusted
from tests.wire.server import HANG, Server, always, serving


@asynccontextmanager
async def clients(**options: float) -> AsyncIterator[Client]:
    client = Client(**options)  # type: ignore[arg-type]
    try:
        yield client
    finally:
        await client.close()


def caused(error: Exception, cause: Exception | None) -> Exception:
    error.__cause__ = cause
    return error


CONNECTION_KEY = aiohttp.client_reqrep.ConnectionKey("h", 1, False, True, None, None, None, None)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            caused(
                httpx.ConnectError("x"),
                aiohttp.ClientConnectorError(CONNECTION_KEY, OSError(111, "refused")),
            ),
            False,
        ),
        (caused(httpx.TimeoutException("x"), aiohttp.ConnectionTimeoutError("x")), False),
        (caused(httpx.UnsupportedProtocol("x"), aiohttp.NonHttpUrlClientError("x")), False),
        (httpx.InvalidURL("x"), False),
        (caused(httpx.ConnectTimeout("x"), aiohttp.ServerDisconnectedError()), True),
        (caused(httpx.ConnectTimeout("x"), aiohttp.ClientOSError(104, "reset")), True),
        (caused(httpx.ReadTimeout("x"), aiohttp.SocketTimeoutError("x")), True),
        (caused(httpx.ReadError("x"), aiohttp.ClientPayloadError("x")), True),
        (OSError("x"), True),
    ],
)
def test_what_a_failure_means(error: Exception, *, expected: bool) -> None:
    assert may_be_taken(error) is expected


async def get(client: Client, url: str, body: bytes = b"") -> Response:
    return await client.call(Http(method="POST" if body else "GET", url=url, body=body))


async def test_of_a_large_answer_only_the_beginning_is_read() -> None:
    async with serving(always(500, b"x" * 5_000_000)) as server, clients() as client:
        answer = await get(client, server.url)
        assert (answer.status, len(answer.body)) == (500, BODY_SIZE_MAX)
        assert (await get(client, server.url)).status == 500


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    async with serving(always(308, b"", "location: /elsewhere\r\n")) as server:
        async with clients() as client:
            answer = await get(client, server.url, b"{}")
        assert (answer.status, answer.header("location")) == (308, "/elsewhere")
        assert len(server.requests) == 1


async def test_no_cookie_comes_back() -> None:
    async with serving(always(200, b"", "set-cookie: a=b; path=/\r\n")) as server:
        async with clients() as client:
            await get(client, server.url)
            await get(client, server.url)
        assert "cookie" not in server.requests[1].headers


async def test_the_request_says_who_asks_and_takes_no_compression() -> None:
    async with serving(always(200)) as server, clients() as client:
        await client.call(Http(method="POST", url=server.url, headers={"x-a": "1"}, body=b"{}"))
        headers = server.requests[0].headers
        assert (headers["user-agent"], headers["accept-encoding"]) == ("tocsin", "identity")
        assert (headers["x-a"], headers["content-length"]) == ("1", "2")


async def test_the_whole_of_a_call_has_a_deadline() -> None:
    async with serving(always(HANG)) as server, clients(total_s=0.2) as client:
        answer = await get(client, server.url)
        assert (answer.status, answer.is_ambiguous) == (0, True)


@pytest.mark.parametrize(
    "url", ["", "nonsense", "http://", "gopher://x/", "http://[bad", "http://h:x"]
)
async def test_an_odd_url_is_an_answer_and_no_exception(url: str) -> None:
    async with clients() as client:
        answer = await get(client, url)
        assert (answer.status, answer.is_ambiguous) == (0, False)
        assert answer.error


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_tls_is_verified(*, is_trusted: bool) -> None:
    authority = trustme.CA()
    serving_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving_context)
    context = ssl.create_default_context()
    if is_trusted:
        authority.configure_trust(context)
    server = Server(always(200))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=serving_context)
    port = listening.sockets[0].getsockname()[1]
    client = Client(verify=context)
    answer = await get(client, f"https://127.0.0.1:{port}/")
    await client.close()
    server.break_off()
    listening.close()
    await listening.wait_closed()
    assert answer.status == (200 if is_trusted else 0)
    assert not answer.is_ambiguous
    assert ("Certificate" in answer.error) is not is_trusted


@pytest.mark.parametrize("value", ["a\r\nx-b: 2", "a\nb", "\U0001f514", "\ud800"])
async def test_a_header_that_cannot_be_sent_is_not_sent(value: str) -> None:
    async with serving(always(200)) as server, clients() as client:
        answer = await client.call(Http(method="GET", url=server.url, headers={"x-a": value}))
        assert (answer.status, answer.is_ambiguous) in {(0, False), (200, False)}
        assert all("x-b" not in request.headers for request in server.requests)


def test_somebody_is_trusted_where_the_system_trusts_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nobody = ssl.get_default_verify_paths()._replace(cafile="", capath="")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nobody)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    assert len(trusted().get_ca_certs()) > 50


async def test_a_closed_client_sends_nothing() -> None:
    async with serving(always(200)) as server:
        async with clients() as client:
            await get(client, server.url)
        answer = await get(client, server.url)
        assert (answer.status, len(server.requests)) == (0, 1)
