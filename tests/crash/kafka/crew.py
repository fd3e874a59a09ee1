"""Crew: the worker processes of a run. Those that end are started again, as a supervisor does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from tests.crash.kafka.start import Dump, Start
from tests.real import ROOT
from tests.wait import wait_until

RESTART_S = 0.2
STOP_S = 40.0
KILLED = (-signal.SIGKILL, 137)


class Ended(msgspec.Struct, frozen=True):
    """One process that is gone: which worker, its exit code, its last words."""

    name: str
    code: int
    last: str


class Member:
    """One worker: its Start, and the process that is alive, if any."""

    def __init__(self, start: Start, log: Path) -> None:
        self.start = start
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.is_wanted = True
        self.not_before_s = 0.0
        self.log_start = 0
        self.lock = threading.Lock()

    def launch(self) -> None:
        """Start the process; what it says goes to its log."""
        self.log_start = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.start.arguments()],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    @property
    def is_alive(self) -> bool:
        """Whether its process is there, be it halted."""
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to what is alive."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def is_halted(self) -> bool:
        """Whether SIGSTOP holds it (Linux: state T)."""
        if not self.is_alive:
            return False
        assert self.process is not None
        state = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8")
        return state.rpartition(")")[2].split()[0] in "Tt"

    def said(self) -> list[str]:
        """The lines that its present or last process has said."""
        if not self.log.exists():
            return []
        return self.log.read_bytes()[self.log_start :].decode(errors="replace").splitlines()


class Crew:
    """All workers of a run; a thread watches over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.members: dict[str, Member] = {}
        self.ended: list[Ended] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="crew", daemon=True)
        self._thread.start()

    def add(self, start: Start) -> Member:
        """Start one more worker, and keep it running."""
        member = self.members.get(start.name)
        if member is None:
            member = Member(start, self.folder / f"{start.name}.log")
        with member.lock:
            member.start, member.is_wanted = start, True
            if not member.is_alive:
                member.launch()
        self.members[start.name] = member
        return member

    def _watch(self) -> None:
        while not self._is_over.wait(0.05):
            for member in list(self.members.values()):
                with member.lock:
                    self._look_after(member)

    def _look_after(self, member: Member) -> None:
        if member.process is not None and member.process.poll() is not None:
            last = next(
                (line for line in reversed(member.said()) if line.startswith("ended by")), ""
            )
            code = member.process.returncode
            self.ended.append(Ended(member.start.name, code, last if code not in KILLED else ""))
            member.process = None
            # A point is met once: whoever is started again runs on.
            member.start = replace(member.start, crash="")
            member.not_before_s = max(member.not_before_s, time.monotonic() + RESTART_S)
        if member.process is None and member.is_wanted and time.monotonic() > member.not_before_s:
            member.launch()

    def kill(self, name: str, *, for_s: float = 0.0, is_emptied: bool = False) -> None:
        """kill -9; it comes back after `for_s`, with or without what its folder held."""
        member = self.members[name]
        with member.lock:
            member.not_before_s = time.monotonic() + for_s
            if member.process is not None:
                member.process.kill()
                member.process.wait()
            if is_emptied:
                shutil.rmtree(member.start.folder, ignore_errors=True)

    def stop(self, name: str) -> int:
        """SIGTERM, and no restart; the exit code. Kills what does not end in time."""
        member = self.members[name]
        with member.lock:
            member.is_wanted = False
            process, member.process = member.process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        self.ended.append(Ended(name, code, "stopped"))
        return code

    def order(self, name: str, crash: str) -> None:
        """Have a worker that runs crash at a point."""
        member = self.members[name]
        with member.lock:
            member.start.order.write_text(crash, encoding="utf-8")
            member.signal(signal.SIGUSR2)

    def is_ready(self, name: str) -> bool:
        """Whether the process that runs has said so."""
        return bool(self.pid(name)) and "ready" in self.members[name].said()

    def pid(self, name: str) -> int:
        """The process of a worker; 0 where none is alive."""
        process = self.members[name].process
        return process.pid if process is not None and process.poll() is None else 0

    def dumps(self) -> list[Dump]:
        """What the workers hold now, each by its own word; of one that ends meanwhile, nothing."""
        found = []
        for member in self.members.values():
            path, pid = member.start.dump, self.pid(member.start.name)
            path.unlink(missing_ok=True)
            if not self.is_ready(member.start.name):
                continue
            member.signal(signal.SIGUSR1)
            wait_until(
                lambda at=path, of=member, was=pid: at.exists() or self.pid(of.start.name) != was,  # type: ignore[misc]
                what=f"{member.start.name} writes its dump",
            )
            if path.exists():
                found.append(msgspec.msgpack.decode(path.read_bytes(), type=Dump))
        return found

    def close(self, names: Iterable[str] | None = None) -> dict[str, int]:
        """Stop everybody in order; the exit codes."""
        codes = {name: self.stop(name) for name in names or list(self.members)}
        self._is_over.set()
        self._thread.join()
        return codes

    def end(self) -> None:
        """Kill everybody, whatever their state."""
        self._is_over.set()
        self._thread.join()
        for member in self.members.values():
            if member.process is not None:
                member.process.kill()
                member.process.wait()
