"""Start and stop the simulator: in a running event loop, or as a process of its own.

uvicorn serves; two things are ours. Signals stay with the program that embeds the simulator, and
a connection can be reset as a dying host does it: SO_LINGER 0 and abort make the kernel send RST
instead of FIN, below TLS as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import trustme
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pipeline.simulate.pagerduty.call_log import CallLog
from pipeline.simulate.pagerduty.calls import ReceivedCall
from pipeline.simulate.pagerduty.clockwork import Clockwork
from pipeline.simulate.pagerduty.desk import Desk
from pipeline.simulate.pagerduty.face import RESET, Face
from pipeline.simulate.pagerduty.model import PagerDutyModel
from pipeline.simulate.pagerduty.records import Incident
from pipeline.simulate.pagerduty.webhooks.courier import Post

STOP_WITHIN_S: Final = 2
CONNECTIONS_MAX: Final = 10_000
"""More are answered with 503 by the server itself."""
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)


def wall_ms() -> int:
    """The time of day, epoch milliseconds."""
    return time.time_ns() // 1_000_000  # noqa: TID251 - the simulator is a host: this is its clock


class PagerDutySimulator:
    """A PagerDuty account behind HTTP, to be started and stopped in an event loop.

    `log` appends every received call to a file (see `call_log`); `post` brings webhooks to their
    subscribers (see `webhooks.courier`); `clock_ms` may be replaced to move time by hand. With
    `tls=True`, `ca_file` is what clients have to trust.
    """

    def __init__(
        self,
        log: Path | None = None,
        post: Post | None = None,
        clock_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self.desk = Desk(self._write, os.urandom(32))
        self._log_path = log
        self._log: CallLog | None = None
        self._authority: trustme.CA | None = None
        self._post = post
        self._clockwork: asyncio.Task[None] | None = None
        self.url = ""
        self.ca_file: Path | None = None
        self._clock_ms = clock_ms
        self._face: Face | None = None
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def model(self) -> PagerDutyModel:
        """The account's state."""
        return self.desk.model

    @property
    def events(self) -> list[ReceivedCall]:
        """The received calls that are still remembered, oldest first."""
        return list(self.desk.book)

    @property
    def incidents(self) -> list[Incident]:
        """The incidents that are still remembered, in the order in which they opened."""
        return list(self.model.incidents.by_id.values())

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, tls: bool = False) -> str:
        """Serve at host:port (0: the kernel chooses) and return the base URL.

        OSError when the address cannot be bound.
        """
        if self._serving is not None:
            raise RuntimeError("the simulator is running already: stop() it first")
        listener = _listen(host, port)
        self._log = CallLog(self._log_path) if self._log_path is not None else None
        clockwork = Clockwork(self.desk, self._clock_ms, self._post)
        self._face = Face(self.desk, self._clock_ms, clockwork.stir)
        config = uvicorn.Config(
            self._face,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=75,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_graceful_shutdown=STOP_WITHIN_S,
        )
        config.load()
        if tls:
            config.ssl = self._tls_context(host)
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
            await asyncio.sleep(0.005)
        bound_port = listener.getsockname()[1]
        shown = f"[{host}]" if listener.family == socket.AF_INET6 else host
        self.url = f"{'https' if tls else 'http'}://{shown}:{bound_port}"
        self.desk.base_url = self.url
        self._clockwork = asyncio.create_task(clockwork.run())
        return self.url

    async def stop(self) -> None:
        """Break the calls that hang, let the others end, close the port and the log.

        The account stays as it is: a later `start` on the same port is a PagerDuty that was down.
        """
        if self._server is not None and self._serving is not None and self._face is not None:
            self._face.close()
            self._server.should_exit = True
            await self._serving
        self._serving = None
        if self._clockwork is not None:
            self._clockwork.cancel()
            await asyncio.gather(self._clockwork, return_exceptions=True)
            self._clockwork = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def _write(self, call: ReceivedCall) -> None:
        if self._log is not None:
            self._log.append(call)

    def _tls_context(self, host: str) -> ssl.SSLContext:
        # One authority for all starts, so that who trusted the first certificate trusts the next.
        self._authority = authority = self._authority or trustme.CA()
        names = dict.fromkeys(("localhost", "127.0.0.1", host))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        authority.issue_cert(*names).configure_cert(context)
        self._folder = tempfile.TemporaryDirectory(prefix="tocsin-simulator-")
        self.ca_file = Path(self._folder.name) / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        return context


def serve(
    listen: str, *, tls: bool = False, log: Path | None = None, post: Post | None = None
) -> None:
    """Run the simulator until SIGINT or SIGTERM; print `ready URL` on a line when it serves.

    `listen` is HOST:PORT. ValueError when it is not; OSError when it cannot be bound.
    """
    host, port = parse_listen(listen)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(host, port, PagerDutySimulator(log, post), tls=tls))


def parse_listen(listen: str) -> tuple[str, int]:
    """`127.0.0.1:0` or `[::1]:9000` as host and port."""
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"{listen!r} is not HOST:PORT, as in 127.0.0.1:0")
    return host, int(port)


async def _serve(host: str, port: int, simulator: PagerDutySimulator, *, tls: bool) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    url = await simulator.start(host, port, tls=tls)
    if simulator.ca_file is not None:
        _say(f"ca {simulator.ca_file}")
    _say(f"ready {url}")
    await stopping.wait()
    await simulator.stop()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only on sockets that name it; without
    # it a call over a kept connection waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def _say(line: str) -> None:
    """Standard output, one whole line at once: another program waits for it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Protocol(HttpToolsProtocol):
    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope["extensions"] = {RESET: self._reset}

    def _reset(self) -> None:
        transport_socket = self.transport.get_extra_info("socket")
        # A duplicate descriptor, since uvloop's socket object does not let its options be set;
        # the option belongs to the connection and so holds for both.
        with socket.socket(fileno=os.dup(transport_socket.fileno())) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.transport.abort()
