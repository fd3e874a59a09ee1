"""One Kafka node on this machine: a folder, some ports, and a process that comes and goes."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pipeline.domain.errors import TocsinError, UsageError
from pipeline.domain.secret import Secret
from pipeline.simulate.kafka import listeners as listening
from pipeline.simulate.kafka.jars import Say, fetch_jars, find_java
from pipeline.simulate.kafka.jvm import Jvm, run_once
from pipeline.simulate.kafka.listeners import INTERNAL, Listener
from pipeline.simulate.kafka.ports import HOST, Ports
from pipeline.simulate.kafka.probe import brokers_at
from pipeline.simulate.kafka.seat import Seat, escaped
from pipeline.simulate.kafka.tls import Certificates
from pipeline.topology.locate import locate

READY_WITHIN_S: Final = 90.0
FORMAT_WITHIN_S: Final = 60.0
POLL_S: Final = 0.05
HEAP_MIB: Final = 512
LOG_TAIL_BYTES: Final = 65_536
COMPLAINTS_MAX: Final = 5
PRIVATE: Final = 0o600


class NodeFailed(TocsinError):
    """The node ended or did not answer in time; the text has its last complaints and its log."""


class Node:
    """A broker and controller in one process. `with` starts it, and stops it at the end.

    `folder` keeps its log and state over restarts. Clients reach it at `bootstrap` in plain text,
    and at `bootstrap_of(name)` as each of `listeners` says; `users` are name → password, for PLAIN
    and SCRAM alike. `port` 0 is the kernel's choice; ports stay the same until `close`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        listeners: Sequence[Listener] = (),
        users: Mapping[str, Secret] | None = None,
        certificates: Certificates | None = None,
        seat: Seat | None = None,
    ) -> None:
        self.folder = folder.absolute()
        if "," in str(self.folder):
            raise UsageError(f"{self.folder}: a comma in its path is two folders to Kafka")
        self._listeners = tuple(listeners)
        self._users = dict(users or {})
        self._certificates = certificates
        listening.check(self._listeners, self._users, has_tls=certificates is not None)
        self._ports = Ports()
        self._seat = seat or Seat.alone(self._ports.reserve())
        self.ports: dict[str, int] = {INTERNAL: self._ports.reserve(port)}
        self.ports |= {one.name: self._ports.reserve() for one in self._listeners}
        self._jvm: Jvm | None = None

    @property
    def bootstrap(self) -> str:
        """HOST:PORT of the listener in plain text."""
        return self.bootstrap_of(INTERNAL)

    @property
    def pid(self) -> int:
        """Of the running process. Raises TocsinError where none runs."""
        if self._jvm is None:
            raise TocsinError("the node does not run: start() or resume() it")
        return self._jvm.pid

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self._jvm is not None and self._jvm.is_running

    @property
    def log(self) -> Path:
        """The file of Kafka's own log."""
        return self.folder / "node.log"

    def bootstrap_of(self, listener: str) -> str:
        """HOST:PORT where the node itself listens by that name, whatever it advertises."""
        return f"{HOST}:{self.ports[listener]}"

    def start(self, say: Say = lambda _: None) -> None:
        """Fetch the jars where they are lacking, format where the folder is new, run, and wait.

        Raises NotInstalled, NodeFailed, or TocsinError where the folder cannot be formatted.
        """
        self.launch(say)
        self.wait()

    def launch(self, say: Say = lambda _: None) -> None:
        """As `start`, without waiting until it answers."""
        java = find_java()
        jars = fetch_jars(say)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_properties()
        self._format(java, jars)
        self._run(java, jars)

    def wait(self, *, brokers: int = 1) -> None:
        """Return when the node answers and knows so many brokers. Raises NodeFailed."""
        give_up_at_s = time.monotonic() + READY_WITHIN_S
        while not self._answers(brokers):
            if not self.is_running:
                self.kill()
                raise NodeFailed(f"Kafka ended at its start: {self._complaints()}")
            if time.monotonic() > give_up_at_s:
                self.kill()
                raise NodeFailed(
                    f"Kafka did not answer within {READY_WITHIN_S:g} s: {self._complaints()}"
                )
            time.sleep(POLL_S)

    def resume(self) -> None:
        """Run again after `stop` or `kill`: the same ports, the same files. Raises NodeFailed."""
        if self.is_running:
            return
        self._run(find_java(), fetch_jars())
        self.wait()

    def stop(self) -> None:
        """End it in order; nothing where it does not run."""
        if self._jvm is not None:
            self._jvm.stop()
            self._jvm = None

    def kill(self) -> None:
        """End it as kill -9 does; nothing where it does not run."""
        if self._jvm is not None:
            self._jvm.kill()
            self._jvm = None

    def close(self) -> None:
        """Stop it, and give its ports back."""
        self.stop()
        self._ports.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.close)

    def _answers(self, brokers: int) -> bool:
        try:
            return brokers_at(HOST, self.ports[INTERNAL]) >= brokers
        except OSError:
            return False

    def _write_properties(self) -> None:
        template = locate("infra/kafka/server.properties").read_text(encoding="utf-8")
        ports = {"CONTROLLER": self._seat.controller_port, **self.ports}
        tls = self._certificates.folder.absolute() if self._certificates is not None else None
        text = self._seat.fill(template, self.folder / "log")
        text += "\n".join(listening.lines(self._listeners, ports, self._users, tls)) + "\n"
        _write_private(self.folder / "server.properties", escaped(text))

    def _format(self, java: Path, jars: Path) -> None:
        done = self.folder / "formatted"
        if done.exists():
            return
        # Of a format that was cut short: there is no topic in it yet.
        shutil.rmtree(self.folder / "log", ignore_errors=True)
        arguments = ["format", "-t", self._seat.cluster_id]
        arguments += ["-c", str(self.folder / "server.properties")]
        for name, secret in self._users.items():
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                given = f"{mechanism}=[name={name},password={secret.reveal()}]"
                arguments += ["--add-scram", given]
        # From a file, one a line: whoever lists processes would see passwords among the arguments.
        asked = self.folder / "format.arguments"
        _write_private(asked, "\n".join(arguments) + "\n")
        command = [*self._java(java, jars, heap_mib=128), "kafka.tools.StorageTool", f"@{asked}"]
        try:
            run_once(command, within_s=FORMAT_WITHIN_S, what="Formatting Kafka's folder")
        finally:
            asked.unlink()
        done.touch()

    def _run(self, java: Path, jars: Path) -> None:
        command = self._java(java, jars, heap_mib=HEAP_MIB)
        command += ["kafka.Kafka", str(self.folder / "server.properties")]
        self._jvm = Jvm(command, self.folder / "output")

    def _java(self, java: Path, jars: Path, *, heap_mib: int) -> list[str]:
        return [
            str(java),
            f"-Xmx{heap_mib}m",
            # A node that lives for minutes: quick to start and small comes before fast in the end.
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xshare:auto",
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={locate('infra/kafka/log4j2.xml')}",
            f"-Dtocsin.log={self.log}",
            "-cp",
            f"{jars}/*",
        ]

    def _complaints(self) -> str:
        """What Kafka wrote last that says why, and where the rest is."""
        found: list[str] = []
        for path in (self.log, self.folder / "output"):
            lines = _tail(path)
            found += [line for line in lines if " ERROR " in line or " FATAL " in line]
        found = found or _tail(self.folder / "output")
        said = "; ".join(found[-COMPLAINTS_MAX:]) or "it says nothing"
        return f"{said} (see {self.log})"


def _write_private(path: Path, text: str) -> None:
    path.touch(PRIVATE)
    path.write_text(text, encoding="utf-8")


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
