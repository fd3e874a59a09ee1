"""Proxy: stands between clients and one broker, and delays, holds, cuts or swallows on request.

It reads the header of each request, so a fault can name an API, a client and the n-th time. The
broker advertises the proxy's port, so no client finds a way around it. A held request reaches the
broker also where its client has long given up: that is how a late duplicate is made.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal, TypeVar

from msgspec import Struct, field

from tests.crash.kafka.frames import Asked, asked_in, correlation_of, framed, read_frame

T = TypeVar("T")
Side = Literal["request", "response"]
Action = Literal["hold", "cut", "swallow"]

LINGER_S: Final = 5.0
"""So long a broker may still answer what a client that is gone had asked."""

HITS_MAX: Final = 10_000
"""The log of hits keeps so many; later ones are only counted."""


class Fault(Struct, frozen=True, kw_only=True):
    """What to do with the frames of one API (empty: of all) in one direction.

    It acts on the `nth` matching frame after it was armed and on `times` - 1 more. `hold` delivers
    after `hold_s`, or when released; `cut` resets the connection, before a request is delivered
    or after its response was made; `swallow` leaves the connection open and says nothing more in
    that direction. `client` is a part of the client id.
    """

    action: Action
    api: str = ""
    side: Side = "response"
    nth: int = 1
    times: int = 1
    hold_s: float = 1.0
    client: str = ""


class Armed(Struct):
    """A fault that waits for its frames. `released` ends what it holds."""

    fault: Fault
    released: asyncio.Event
    seen: int = 0
    hit_count: int = 0

    def takes(self, asked: Asked, side: Side) -> bool:
        """Whether this frame is one that it acts on."""
        fault = self.fault
        if (
            side != fault.side
            or fault.api not in {"", asked.api}
            or fault.client not in asked.client
        ):
            return False
        self.seen += 1
        if not fault.nth <= self.seen < fault.nth + fault.times:
            return False
        self.hit_count += 1
        return True


class Stall(Struct):
    """Nothing passes in these directions until `over` is set."""

    sides: frozenset[Side]
    client: str
    over: asyncio.Event


class Hit(Struct, frozen=True):
    """One frame that a fault acted on; `at_s` is monotonic."""

    at_s: float
    fault: Fault
    asked: Asked


class _Cut(Exception):
    """This connection is to be reset."""


class Proxy(Struct, kw_only=True):
    """One listening port before one broker; everything here runs in the proxy's own loop."""

    upstream: tuple[str, int] = ("127.0.0.1", 0)
    armed: list[Armed] = field(default_factory=list)
    stalls: list[Stall] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    links: set[Link] = field(default_factory=set)
    server: asyncio.Server | None = None

    async def listen(self) -> int:
        """Begin to accept; the port that the kernel chose."""
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self.server.sockets[0].getsockname()[1])

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            broker = await asyncio.open_connection(*self.upstream)
        except OSError:
            writer.transport.abort()
            return
        link = Link(self, (reader, writer), broker)
        self.links.add(link)
        try:
            # Cancelled when the proxy closes: asyncio's streams would log that as an error.
            with contextlib.suppress(asyncio.CancelledError):
                await link.run()
        finally:
            self.links.discard(link)

    def judge(self, asked: Asked, side: Side) -> Armed | None:
        """The fault that acts on this frame, the oldest first."""
        for armed in self.armed:
            if armed.takes(asked, side):
                if len(self.hits) < HITS_MAX:
                    self.hits.append(Hit(time.monotonic(), armed.fault, asked))
                return armed
        return None

    async def gate(self, client: str, side: Side) -> None:
        """Wait while a stall holds this direction of this client."""
        while stall := next(
            (s for s in self.stalls if side in s.sides and s.client in client), None
        ):
            await stall.over.wait()


class Link:
    """One client's connection and the one to the broker behind it."""

    def __init__(
        self,
        proxy: Proxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        broker: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._from_client, self._to_client = client
        self._from_broker, self._to_broker = broker
        self._open: dict[int, Asked] = {}
        self._silent: set[Side] = set()
        self.client = ""

    async def run(self) -> None:
        """Pass frames on until both sides have closed or the link is cut."""
        answers = asyncio.ensure_future(self._responses())
        try:
            await self._requests()
            await self._linger()
            await answers
        except (_Cut, ValueError, OSError):
            pass
        finally:
            answers.cancel()
            with contextlib.suppress(asyncio.CancelledError, _Cut, ValueError, OSError):
                await answers
            self.cut()

    def cut(self) -> None:
        """Reset both connections."""
        self._to_client.transport.abort()
        self._to_broker.transport.abort()

    async def _requests(self) -> None:
        proxy = self._proxy
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                body = await read_frame(self._from_client)
                asked = asked_in(body)
                self.client = asked.client
                self._open[asked.correlation] = asked
                proxy.requests[asked.api] = proxy.requests.get(asked.api, 0) + 1
                await self._pass(asked, "request", body, self._to_broker)

    async def _responses(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                body = await read_frame(self._from_broker)
                asked = self._open.pop(correlation_of(body), None) or Asked("", 0, 0, self.client)
                await self._pass(asked, "response", body, self._to_client)
        self.cut()

    async def _pass(
        self, asked: Asked, side: Side, body: bytes, writer: asyncio.StreamWriter
    ) -> None:
        armed = self._proxy.judge(asked, side)
        if armed is not None and armed.fault.action == "cut":
            self.cut()
            raise _Cut
        if armed is not None and armed.fault.action == "swallow":
            self._silent.add(side)
        if armed is not None and armed.fault.action == "hold":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(armed.released.wait(), armed.fault.hold_s)
        await self._proxy.gate(asked.client, side)
        if side not in self._silent:
            # A client that is gone does not keep the broker's answers from being read.
            with contextlib.suppress(ConnectionError):
                writer.write(framed(body))
                await writer.drain()

    async def _linger(self) -> None:
        """Let the broker finish what was asked before it sees the end of the connection."""
        give_up_at = time.monotonic() + LINGER_S
        never = asyncio.Event()
        while self._open and time.monotonic() < give_up_at and not self._silent:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(never.wait(), 0.02)
        self._to_broker.close()


class Proxies:
    """Proxies in a thread of their own, one per broker, with doors for the thread of a test."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._thread.start()
        self.all: list[Proxy] = []

    def listen(self) -> tuple[Proxy, int]:
        """One more proxy and its port; its `upstream` is to be set before a client comes."""
        proxy = Proxy()
        self.all.append(proxy)
        return proxy, self._call(proxy.listen())

    def arm(self, fault: Fault) -> list[Armed]:
        """Let a fault wait on every proxy; `nth` counts on each by itself."""

        def arm() -> list[Armed]:
            armed = [Armed(fault, asyncio.Event()) for _ in self.all]
            for proxy, one in zip(self.all, armed, strict=True):
                proxy.armed.append(one)
            return armed

        return self._do(arm)

    def release(self, armed: list[Armed]) -> None:
        """Deliver what these faults hold, and let them act no more."""

        def release() -> None:
            for proxy, one in zip(self.all, armed, strict=True):
                one.released.set()
                proxy.armed = [other for other in proxy.armed if other is not one]

        self._do(release)

    def stall(self, *sides: Side, client: str = "") -> None:
        """Let nothing pass in these directions until `heal`."""

        def stall() -> None:
            for proxy in self.all:
                proxy.stalls.append(Stall(frozenset(sides), client, asyncio.Event()))

        self._do(stall)

    def resume(self, client: str = "") -> None:
        """End the stalls of exactly this client."""

        def resume() -> None:
            for proxy in self.all:
                for stall in proxy.stalls:
                    if stall.client == client:
                        stall.over.set()
                proxy.stalls = [stall for stall in proxy.stalls if stall.client != client]

        self._do(resume)

    def heal(self) -> None:
        """End all faults and stalls; what is held is delivered."""

        def heal() -> None:
            for proxy in self.all:
                for armed in proxy.armed:
                    armed.released.set()
                for stall in proxy.stalls:
                    stall.over.set()
                proxy.armed, proxy.stalls = [], []

        self._do(heal)

    def cut(self, client: str = "") -> int:
        """Reset every connection of these clients; how many those were."""

        def cut() -> int:
            links = [k for proxy in self.all for k in proxy.links if client in k.client]
            for link in links:
                link.cut()
            return len(links)

        return self._do(cut)

    def hits(self) -> list[Hit]:
        """The frames that faults acted on, so far."""
        return sorted((h for proxy in self.all for h in proxy.hits), key=lambda hit: hit.at_s)

    def close(self) -> None:
        """Reset everything and end the thread."""

        async def close() -> None:
            for proxy in self.all:
                if proxy.server is not None:
                    proxy.server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.heal()
        self._call(close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, job: Callable[[], T]) -> T:
        async def run() -> T:
            return job()

        return self._call(run())

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)
