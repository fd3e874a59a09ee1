"""Start `tocsin run`: settings and options to a running process."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from pipeline.app.embedded import Embedded
from pipeline.app.serving import Serving, serve_until_signalled
from pipeline.cli.addresses import address, guarded_address, is_loopback, listening
from pipeline.cli.rules import file_of, load_file
from pipeline.domain.errors import UsageError
from pipeline.hosts.embedded.folder import Folder
from pipeline.observe.logs import configure
from pipeline.security.redaction import secrets_of
from pipeline.settings import read_settings
from pipeline.topology.complaint import TopologyError
from pipeline.topology.declared import Topology

if TYPE_CHECKING:
    from pipeline.app.demo import MakeHome

DEMO: Final = "demo"
"""The demo's own folder in the data folder."""

_log: Final = structlog.get_logger("tocsin.cli")


GC_THRESHOLDS: Final = (10_000, 20, 1_000)
"""Young objects as before in proportion; full collections a hundred times rarer."""


def start(*, listen: str, data: Path | None, config: Path | None, is_dry: bool) -> None:
    """Run until a signal. Raises TocsinError where it cannot begin."""
    # A reload asked for before there is anything to reload must not end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    settings = read_settings()
    path = file_of(config)
    topology, text = load_file(path)
    known = [*secrets_of(topology), *([settings.token] if settings.token else [])]
    configure(settings.log, secrets=known)
    host, port = guarded_address(listen or settings.listen, has_token=settings.token is not None)
    embedded = Embedded(
        topology,
        Folder(data or settings.data),
        text=text,
        events_url=settings.pagerduty_events_url,
        is_dry=is_dry,
    )
    serving = Serving(
        behind=embedded,
        host=host,
        port=port,
        token=settings.token,
        reload=lambda: reload_file(path),
        on_ready=lambda url: print(f"ready {url}", flush=True),
    )
    _run(serve_until_signalled(serving), f"{host}:{port}")


def start_demo(*, listen: str, data: Path | None, speed: float, is_on_kafka: bool = False) -> None:
    """Run the demo until a signal, in a folder of its own. Raises TocsinError."""
    from pipeline.app.demo import Demo
    from pipeline.cli.demo import show

    settings = read_settings()
    configure("warning")  # what the board shows need not be said twice
    host, port = address(listen or settings.listen)
    if not is_loopback(host):
        raise UsageError(f"the demo asks for no token: let it listen on 127.0.0.1, not on {host}")

    make = _demo_home((data or settings.data) / DEMO, is_on_kafka=is_on_kafka)

    async def run() -> None:
        await show(Demo(make, host, port, speed=speed))

    _run(run(), f"{host}:{port}")


def _demo_home(folder: Path, *, is_on_kafka: bool) -> MakeHome:
    from functools import partial

    if is_on_kafka:
        import logging

        from pipeline.app.demo_kafka import kafka_home
        from pipeline.cli.output import warn

        # It complains of a cluster that is so new; what is more than that ends the worker.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        return partial(kafka_home, folder, warn)
    from pipeline.app.demo_embedded import embedded_home

    return partial(embedded_home, folder)


def _run(serving: Coroutine[Any, Any, None], where: str) -> None:
    with listening(where):
        run_loop(serving)


def run_loop(serving: Coroutine[Any, Any, None]) -> None:
    """Run what a process is for, on a fast event loop."""
    import uvloop

    # A full collection walks every cached row: with 100,000 of them all stands still for 0.2 s,
    # every other second under load. What lives long is frozen or frees itself without cycles.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serving)


def reload_file(path: Path) -> tuple[Topology, str] | None:
    """What a file declares now; None where it does not lint, which is logged."""
    try:
        return load_file(path)
    except TopologyError as error:
        complaints = [each.render() for each in error.complaints]
        _log.error("not reloaded, the old rules stay", complaints=complaints)
        return None
