"""Supervise: start the worker again when it ends on its own, each time after a longer pause.

The worker is crash only: it ends rather than go on in doubt, and a new process finds out from
Kafka what was committed. So somebody has to start one.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from typing import Final

import structlog

from pipeline.observe.logs import configure
from pipeline.settings import read_settings

PAUSE_S_MIN: Final = 0.5
PAUSE_S_MAX: Final = 30.0
STEADY_S: Final = 60.0
"""A worker that has lived for so long is taken to be well: the pauses begin anew."""

USAGE: Final = 2
"""The exit code of a worker that was called wrongly: starting it again would not help."""

_log: Final = structlog.get_logger("tocsin.cli")


def supervise() -> None:
    """Run this very command as a worker of its own until it is stopped by a signal. The worker
    stops, too, when this process ends in whatever way: the pipe between them ends with it.

    Exits with its exit code where it ends well or was called wrongly.
    """
    configure(read_settings().log)
    command = [sys.executable, "-m", "pipeline", *sys.argv[1:], "--once", "--supervised"]
    # The writing end stays open here, and here alone, for as long as this process lives.
    lifeline, _ = os.pipe()
    children: list[subprocess.Popen[bytes]] = []
    stopping = threading.Event()

    def pass_on(number: int, _frame: object) -> None:
        stopping.set()
        for child in children:
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    pause_s = PAUSE_S_MIN
    while not stopping.is_set():
        began_s = time.monotonic()
        # A terminal's Ctrl-C would reach both: in a session of its own the child hears of it once.
        child = subprocess.Popen(  # noqa: S603  (ourselves)
            command, stdin=lifeline, start_new_session=True
        )
        children[:] = [child]
        if stopping.is_set():
            child.terminate()
        code = child.wait()
        children.clear()
        if stopping.is_set() or code in (0, USAGE):
            raise SystemExit(max(code, 0))
        if time.monotonic() - began_s >= STEADY_S:
            pause_s = PAUSE_S_MIN
        _log.error("the worker ended and is started again", code=code, pause_s=round(pause_s, 1))
        stopping.wait(pause_s * random.uniform(0.8, 1.2))  # noqa: S311  (jitter)
        pause_s = min(pause_s * 2, PAUSE_S_MAX)
