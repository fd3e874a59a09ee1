"""A real HTTP/1.1 server on a port of the kernel's choice, whose answers are scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from msgspec import Struct

HANG = -1
RESET = -2
"""Instead of a status: never answer; break the connection after the request was read."""


class Request(Struct, frozen=True):
    """One received request; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Server:
    """Answers each request with `answer(request)`: a status and a body, or HANG, or RESET."""

    def __init__(self, answer: Callable[[Request], tuple[int, str, bytes]]) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.in_flight = 0
        self.in_flight_max = 0
        self.release = asyncio.Event()
        self.url = ""
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = line.split(" ")
        headers = {k.lower(): v for k, _, v in (row.partition(": ") for row in rest if row)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(method, path, headers, body)
        self.requests.append(request)
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        try:
            status, extra, answer = self.answer(request)
            if status == RESET:
                writer.transport.abort()
                return False
            if status == HANG:
                await self.release.wait()
                return False
        finally:
            self.in_flight -= 1
        head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(answer)}\r\n{extra}\r\n"
        writer.write(head.encode() + answer)
        await writer.drain()
        return True

    def break_off(self) -> None:
        """Let go of whoever hangs, and close every connection."""
        self.release.set()
        for writer in self._writers:
            writer.close()


@asynccontextmanager
async def serving(answer: Callable[[Request], tuple[int, str, bytes]]) -> AsyncIterator[Server]:
    """A server for the time of a test."""
    server = Server(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{port}"
    try:
        yield server
    finally:
        server.break_off()
        listening.close()
        await listening.wait_closed()


def always(
    status: int, body: bytes = b"{}", extra: str = ""
) -> Callable[[Request], tuple[int, str, bytes]]:
    """The same answer to every request; `extra` are header lines, each with its line end."""
    return lambda _request: (status, extra, body)
