"""One Java process that does not outlive us: started, stopped, killed, and watched."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.domain.errors import TocsinError

STOP_WITHIN_S: Final = 20
"""A node that has not ended itself by then is killed: its log is repaired at the next start."""

_WATCH: Final = 'read -r _; kill -9 "$0" 2>/dev/null'
"""Standard input ends when we end, however we end: then the process must not stay behind."""


class Jvm:
    """A running Java process; `output` gets what it writes besides its own log."""

    def __init__(self, command: Sequence[str], output: Path) -> None:
        with output.open("wb") as file:
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                # Ctrl-C at a terminal is for us: we stop the node, in order.
                start_new_session=True,
            )
        self._watch = subprocess.Popen(  # noqa: S603 - the command is ours
            ["/bin/sh", "-c", _WATCH, str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Of the Java process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def stop(self) -> None:
        """SIGTERM, and SIGKILL after STOP_WITHIN_S; returns when it has ended."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: at once, without a last word; returns when it has ended."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)
            # A stopped process takes no SIGTERM before it goes on.
            self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            self._unwatch()

    def _unwatch(self) -> None:
        # Killed before its input ends, so that it never kills a stranger with the same number.
        self._watch.kill()
        self._watch.wait()
        if self._watch.stdin is not None:
            self._watch.stdin.close()


def run_once(command: Sequence[str], *, within_s: float, what: str) -> None:
    """Run a Java program to its end. Raises TocsinError with what it wrote where it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - the command is ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TocsinError(f"{what} took more than {within_s:g} s") from None
    if done.returncode != 0:
        raise TocsinError(f"{what} failed: {done.stdout.strip()[-2_000:]}")
