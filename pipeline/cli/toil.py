"""Start `tocsin worker --once`: settings and options to a running worker."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Final, NoReturn

import structlog
import typer
from msgspec import Struct

from pipeline.app.working import Working, work_until_signalled
from pipeline.cli.addresses import address
from pipeline.cli.applying import cluster_options
from pipeline.cli.failing import FAILED, failing
from pipeline.cli.rules import file_of, load_file
from pipeline.cli.starting import run_loop
from pipeline.hosts.faust.client.allocation import keep_freed_memory
from pipeline.hosts.faust.state.slot import Slot
from pipeline.observe.logs import configure
from pipeline.security.redaction import secrets_of
from pipeline.settings import read_settings
from pipeline.topology.apply.control import read_control

LINGER_S: Final = 5.0
"""What is cancelled at the end gets so long to end, also where a library will not have it."""

_log: Final = structlog.get_logger("tocsin.cli")


class Wish(Struct, frozen=True, kw_only=True):
    """What the command line says of one worker."""

    agents: tuple[str, ...] = ()
    slot: str = ""
    data: Path | None = None
    config: Path | None = None
    listen: str = ""
    is_dry: bool = False
    is_leaving: bool = False
    is_supervised: bool = False
    """It stops when its standard input ends: whoever started it is no more."""


def begin(wish: Wish) -> NoReturn:
    """Run until a signal, then end the process; its exit code is as `failing` has it."""
    code = FAILED
    if wish.is_supervised:
        threading.Thread(target=_stop_with_parent, name="supervisor", daemon=True).start()
    try:
        failing(_run)(wish)
        code = 0
    except typer.Exit as ending:
        code = ending.exit_code
    except KeyboardInterrupt:
        code = 0  # it was stopped before it could begin
    except BaseException:  # noqa: BLE001  (a bug: it has to be seen before the process ends)
        _log.error("the worker ended on an error that nobody expected", exc_info=True)
    finally:
        # As after a crash: nothing that lingers, a thread of a client say, keeps the process.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(wish: Wish) -> None:
    settings = read_settings()
    options = cluster_options()
    topology, _ = load_file(file_of(wish.config))
    known = [*secrets_of(topology)]
    if settings.kafka is not None and settings.kafka.password is not None:
        known.append(settings.kafka.password)
    configure(settings.log, secrets=known)
    control = asyncio.run(read_control(options, topology.app))
    folder = wish.data or settings.data
    with Slot.open(folder, wish.slot) if wish.slot else Slot.any(folder) as held:
        working = Working(
            topology=topology,
            options=options,
            control=control,
            slot=held,
            agents=wish.agents,
            events_url=settings.pagerduty_events_url,
            is_dry=wish.is_dry,
            is_leaving=wish.is_leaving,
            listen=address(wish.listen) if wish.listen else None,
            on_ready=lambda: print("ready", flush=True),
        )
        keep_freed_memory()
        run_loop(_work(working))


async def _work(working: Working) -> None:
    code = FAILED
    try:
        await work_until_signalled(working)
        code = 0
    finally:
        ending = threading.Timer(LINGER_S, os._exit, (code,))
        ending.daemon = True
        ending.start()


def _stop_with_parent() -> None:
    """Kill -9 of a supervisor must not leave a worker behind that holds the slot."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
