"""Serving: an edge and what stands behind it, from `ready` until a signal; SIGHUP reloads rules."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Final, Protocol

import structlog
from msgspec import Struct

from pipeline.domain.errors import TocsinError
from pipeline.domain.secret import Secret
from pipeline.edge.deps import Deps
from pipeline.edge.server import build, serve
from pipeline.hosts.embedded.folder import SERVER, Folder
from pipeline.topology.declared import Topology

Reload = Callable[[], tuple[Topology, str] | None]
"""Reads topology.yaml again: what it declares, and its text; None where it does not lint, which
it has said by itself."""

IMPATIENT: Final = 130
"""The exit code after a second signal, as a shell gives it for SIGINT."""

SHOW_CURSOR: Final = b"\x1b[?25h\n"
"""A live board hides the cursor, and cannot give it back when the process ends at once."""

_log: Final = structlog.get_logger("tocsin.app")


class Behind(Protocol):
    """What stands behind an edge: the whole of Tocsin, or its way to Kafka. What it raises at the
    start, and what `ended` comes to, ends the process.
    """

    @property
    def folder(self) -> Folder | None:
        """Where `server.json` is written; None: nowhere."""
        ...

    @property
    def ended(self) -> asyncio.Future[None]:
        """Done when a part has ended by itself; with its error if it failed."""
        ...

    async def start(self) -> None:
        """Begin."""
        ...

    async def stop(self) -> None:
        """Answer who waits, and let go of what was taken."""
        ...

    async def reload(self, topology: Topology, text: str) -> None:
        """Go on under other rules. Raises TocsinError where it goes on under the old ones."""
        ...

    def deps(self, token: Secret | None) -> Deps:
        """What the application at the front needs, under the rules of this moment."""
        ...


class Serving(Struct, kw_only=True):
    """What is to be served where. `on_ready` is given the URL once requests are taken."""

    behind: Behind
    host: str
    port: int
    token: Secret | None
    reload: Reload
    on_ready: Callable[[str], None]


async def serve_until_signalled(serving: Serving) -> None:
    """Run until SIGINT or SIGTERM; then answer who waits, commit and leave.

    Raises what ended a part of Tocsin by itself.
    """
    behind = serving.behind
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, stopping)
    await behind.start()
    face = Face(_edge(serving))
    reloads: set[asyncio.Task[None]] = set()  # a task that nobody holds may be collected
    loop.add_signal_handler(signal.SIGHUP, lambda: _begin_reload(serving, face, reloads))
    behind.ended.add_done_callback(lambda _: stopping.set())
    try:
        await serve(face, serving.host, serving.port, lambda url: _ready(serving, url), stopping)
    finally:
        await behind.stop()
    if behind.ended.done():
        behind.ended.result()


def _stop(stopping: asyncio.Event) -> None:
    """The first signal lets work in hand end; a second one ends the process at once, which
    loses nothing: what was accepted is committed.
    """
    if stopping.is_set():
        if sys.stdout.isatty():
            os.write(sys.stdout.fileno(), SHOW_CURSOR)
        os._exit(IMPATIENT)
    stopping.set()


class Face:
    """The edge as it now is: an application that a reload replaces between two requests."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand a connection to the application of this moment."""
        await self.app(scope, receive, send)


def _edge(serving: Serving) -> Any:
    return build(serving.behind.deps(serving.token))


def _begin_reload(serving: Serving, face: Face, reloads: set[asyncio.Task[None]]) -> None:
    task = asyncio.get_running_loop().create_task(_reload(serving, face))
    reloads.add(task)
    task.add_done_callback(reloads.discard)


async def _reload(serving: Serving, face: Face) -> None:
    try:
        found = serving.reload()
        if found is not None:
            await serving.behind.reload(*found)
            face.app = _edge(serving)
    except TocsinError as error:
        _log.error("not reloaded, the old rules stay", why=str(error))
    except Exception:  # noqa: BLE001  (what runs goes on; a person must hear of it)
        _log.exception("the reload failed")


def _ready(serving: Serving, url: str) -> None:
    folder = serving.behind.folder
    if folder is not None:
        text = json.dumps({"url": url, "pid": os.getpid()})
        (folder.path / SERVER).write_text(text, encoding="utf-8")
    _log.info("ready", url=url)
    serving.on_ready(url)
