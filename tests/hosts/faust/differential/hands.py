"""Hands: `tocsin worker` processes over one data folder, killed and started again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.real import ROOT
from tests.wait import wait_until

READY_S = 180.0
STOP_S = 40.0
ENDS_MAX = 3


class Hand:
    """One worker: its slot, and the process that works in it."""

    def __init__(self, folder: Path, slot: str, environment: Mapping[str, str]) -> None:
        self.slot = folder / "slots" / slot
        self.log = folder / f"{slot}.log"
        self.kills = self.ends = 0
        self._arguments = ["worker", "--once", "--slot", slot, "--data", str(folder)]
        self._arguments += ["--config", str(folder / "topology.yaml")]
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0

    def start(self) -> None:
        """Start a process in the slot."""
        with self.log.open("ab") as log:
            self._began = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipeline", *self._arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **self._environment},
            )

    def wait(self) -> None:
        """Until the process that runs says that it is ready."""
        wait_until(self._is_ready, what=f"{self.slot.name} is ready", deadline_s=READY_S)

    def _is_ready(self) -> bool:
        self.keep()
        return "ready" in self.said()[self._began :].splitlines()

    def keep(self) -> None:
        """Start it again where it has ended by itself, as a supervisor does: on a busy machine an
        epoch may take longer than it is allowed to.
        """
        if not self.is_alive:
            self.ends += 1
            assert self.ends <= ENDS_MAX, f"the worker ends again and again:\n{self.said()}"
            self.start()

    def kill(self) -> None:
        """As the kernel does it when memory runs out: at once, without a word."""
        self.keep()
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.kills += 1

    def stop(self) -> int:
        """As an operator does it; the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(STOP_S)

    def end(self) -> None:
        """End it, whatever its state."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def is_alive(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def said(self) -> str:
        """All that its processes have said."""
        return self.log.read_text(encoding="utf-8", errors="replace")
