"""Build the application, and serve it until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import uvicorn
from litestar import Litestar
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ASGIApp

from pipeline.edge import alertmanager, api, board, health, intake
from pipeline.edge.api.asking import caller_of
from pipeline.edge.deps import Deps, Edge
from pipeline.edge.gate import Gate
from pipeline.edge.problem import ANSWERS
from pipeline.edge.protocol import BoundedProtocol

STOP_WITHIN_S: Final = 10
"""Requests in hand get so long to end when the edge stops; then they are cut off."""

KEEP_ALIVE_S: Final = 75
BACKLOG: Final = 1024
CONNECTIONS_MAX: Final = 4_096
"""Connections at once; a request on a further one gets a 503."""


def build(deps: Deps) -> Litestar:
    """The application, with all its routes."""
    edge = Edge(deps)

    def gate(app: ASGIApp) -> ASGIApp:
        return Gate(app, edge)

    routes: list[Any] = [*intake.ROUTES, *alertmanager.ROUTES, *health.ROUTES]
    if deps.view is not None:
        routes += [*api.ROUTES, *board.ROUTES]
    return Litestar(
        route_handlers=routes,
        dependencies={
            "edge": Provide(lambda: edge, sync_to_thread=False, use_cache=True),
            "caller": Provide(caller_of, sync_to_thread=False),
        },
        exception_handlers=ANSWERS,
        middleware=[gate],
        request_max_body_size=deps.limits.request_size_bytes_max,
        openapi_config=OpenAPIConfig(
            title="Tocsin",
            version=deps.version,
            path="/api",
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        ),
        logging_config=None,
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 is the kernel's choice. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only on sockets that name it; without
    # it an answer over a kept connection waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    stopping: asyncio.Event | None = None,
) -> None:
    """Serve until `stopping` is set or this is cancelled; then let the requests in hand end.

    `on_ready` is called with the base URL once connections are taken. Signals are the caller's.
    Raises OSError where the address cannot be bound.
    """
    listener = listen(host, port)
    server = _Server(
        uvicorn.Config(
            app,
            http=BoundedProtocol,
            limit_concurrency=CONNECTIONS_MAX,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_WITHIN_S,
        )
    )
    shown = f"[{host}]" if listener.family == socket.AF_INET6 else host
    url = f"http://{shown}:{listener.getsockname()[1]}"
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    asked = asyncio.create_task((stopping or asyncio.Event()).wait())
    try:
        up = asyncio.create_task(server.up.wait())
        await asyncio.wait((serving, up), return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if server.started:
            on_ready(url)
        await asyncio.wait((serving, asked), return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
        server.should_exit = True
        await asyncio.shield(serving)
        listener.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the program that serves."""
        yield
