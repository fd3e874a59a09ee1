"""Serving: an Embedded with its edge, from `ready` until a signal; SIGHUP reloads the rules."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

import structlog
from msgspec import Struct

from pipeline.app.embedded import Embedded
from pipeline.domain.secret import Secret
from pipeline.edge.deps import Deps
from pipeline.edge.server import build, serve
from pipeline.hosts.embedded.folder import SERVER
from pipeline.topology.declared import Topology

Reload = Callable[[], tuple[Topology, str] | None]
"""Reads topology.yaml again: what it declares, and its text; None where it does not lint, which
it has said by itself."""

IMPATIENT: Final = 130
"""The exit code after a second signal, as a shell gives it for SIGINT."""

SHOW_CURSOR: Final = b"\x1b[?25h\n"
"""A live board hides the cursor, and cannot give it back when the process ends at once."""

_log: Final = structlog.get_logger("tocsin.app")


class Serving(Struct, kw_only=True):
    """What is to be served where. `on_ready` is given the URL once requests are taken."""

    embedded: Embedded
    host: str
    port: int
    token: Secret | None
    reload: Reload
    on_ready: Callable[[str], None]


async def serve_until_signalled(serving: Serving) -> None:
    """Run until SIGINT or SIGTERM; then answer who waits, commit and leave.

    Raises what ended a part of Tocsin by itself.
    """
    embedded = serving.embedded
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, stopping)
    await embedded.start()
    face = Face(_edge(serving))
    reloads: set[asyncio.Task[None]] = set()  # a task that nobody holds may be collected
    loop.add_signal_handler(signal.SIGHUP, lambda: _begin_reload(serving, face, reloads))
    embedded.ended.add_done_callback(lambda _: stopping.set())
    try:
        await serve(face, serving.host, serving.port, lambda url: _ready(serving, url), stopping)
    finally:
        await embedded.stop()
    if embedded.ended.done():
        embedded.ended.result()


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
    embedded = serving.embedded
    topology = embedded.topology
    return build(
        Deps(
            appender=embedded.runner,
            now_ms=embedded.clock.now_ms,
            ingest=topology.sections["ingest"],
            installation=embedded.installation,
            version=version("tocsin"),
            tenants={name: spec.tokens for name, spec in topology.tenants.items()},
            operator_token=serving.token,
            readiness=embedded.complaints,
            metrics=embedded.metrics.render,
            count=embedded.metrics.count,
            view=embedded.view,
            topology=topology,
            try_receiver=embedded.try_receiver,
        )
    )


def _begin_reload(serving: Serving, face: Face, reloads: set[asyncio.Task[None]]) -> None:
    task = asyncio.get_running_loop().create_task(_reload(serving, face))
    reloads.add(task)
    task.add_done_callback(reloads.discard)


async def _reload(serving: Serving, face: Face) -> None:
    try:
        found = serving.reload()
        if found is not None:
            await serving.embedded.reload(*found)
            face.app = _edge(serving)
    except Exception:  # noqa: BLE001  (what runs goes on; a person must hear of it)
        _log.exception("the reload failed")


def _ready(serving: Serving, url: str) -> None:
    folder = serving.embedded.folder
    if folder is not None:
        text = json.dumps({"url": url, "pid": os.getpid()})
        (folder.path / SERVER).write_text(text, encoding="utf-8")
    _log.info("ready", url=url)
    serving.on_ready(url)
