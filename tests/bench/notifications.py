"""Notifications per second of one core: outbox, call, receipt, commits included.

`python -m tests.bench.notifications`. A whole embedded Tocsin on a folder of its own is given
notifications, of as many incidents, and calls a server in another process, 100 at a time. Beside
it the bare client sends the same bodies to the same server. CPU is that of this process, all
threads: the server's is not counted, and what waits costs nothing.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from pipeline.app.embedded import Embedded
from pipeline.codec import encode
from pipeline.domain.secret import Secret
from pipeline.domain.sink import Response
from pipeline.domain.store import Output
from pipeline.hosts.embedded.folder import Folder
from pipeline.sinks.pagerduty import PagerDutyConfig
from pipeline.topology.load import load
from pipeline.wire.client import Client
from tests.checks.sink import requests_of
from tests.stages.send.given import PAGERDUTY, ROUTING_KEY, rich
from tests.wait import wait_until_async

COUNT: Final = 6_000
BATCH: Final = 500
IN_FLIGHT: Final = 100
MUST_PER_S: Final = 1_500
GOAL_PER_S: Final = 3_000
TOPOLOGY: Final = """
receivers:
  on-call: {sink: pagerduty, routing_key: "env:KEY", rate: 1000000/s, in_flight_max: 100}
routes: {receiver: on-call}
"""


class Server(asyncio.Protocol):
    """Answers 202 to each POST, as cheaply as Python can."""

    ANSWER: Final = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._bytes = b""

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        head, mark, rest = self._bytes.partition(b"\r\n\r\n")
        if not mark:
            return
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if len(rest) >= size:
            self._bytes = rest[size:]
            assert isinstance(self._transport, asyncio.Transport)
            self._transport.write(self.ANSWER)


async def serve() -> None:
    """Say the port on stdout, then serve until stdin ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


async def timed(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """(seconds, CPU seconds of this process) of some work."""
    began_s, cpu_s = time.perf_counter(), time.process_time()
    await work()
    return time.perf_counter() - began_s, time.process_time() - cpu_s


async def through_the_outbox(url: str, folder: Path) -> tuple[float, float]:
    """COUNT notifications from the topic to their receipts."""
    topology = load(TOPOLOGY, "bench", lambda _: Secret(ROUTING_KEY))
    tocsin = Embedded(topology, Folder(folder), text=TOPOLOGY, events_url=url)
    await tocsin.start()
    outputs = [notification(n) for n in range(COUNT)]

    async def work() -> None:
        for start in range(0, COUNT, BATCH):
            await tocsin.runner.append(outputs[start : start + BATCH])
        log = tocsin.host.log
        await wait_until_async(
            lambda: log.bounds("receipts", 0)[1] >= COUNT, what="receipts", deadline_s=120
        )

    try:
        return await timed(work)
    finally:
        await tocsin.stop()


async def bare(url: str) -> tuple[float, float]:
    """The same bodies by the client alone."""
    client = Client()
    config = PagerDutyConfig(routing_key=Secret(ROUTING_KEY), url=url)
    (request,) = requests_of(PAGERDUTY, config, rich("trigger"), Response(status=202))
    waiting = [request] * COUNT

    async def one() -> None:
        while waiting:
            answer = await client.call(waiting.pop())
            assert answer.status == 202

    async def work() -> None:
        await asyncio.gather(*(one() for _ in range(IN_FLIGHT)))

    try:
        return await timed(work)
    finally:
        await client.close()


def notification(number: int) -> Output:
    """The first trigger of an incident of its own."""
    incident_id = f"{number % 16:016x}.{number}"
    told = rich(
        "trigger",
        incident_id=incident_id,
        scope_id=f"{number % 16:016x}",
        notification_id=f"{incident_id}/on-call/1",
    )
    return Output(topic="notifications", key="on-call", value=encode(told), event=told)


async def measure() -> None:
    """Print the table."""
    server = subprocess.Popen(
        [sys.executable, "-m", __spec__.name if __spec__ else "", "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    url = f"http://127.0.0.1:{int(server.stdout.readline())}"
    try:
        bare_s, bare_cpu_s = await bare(url)
        with tempfile.TemporaryDirectory() as folder:
            took_s, cpu_s = await through_the_outbox(url, Path(folder))
    finally:
        server.communicate(b"")
    print(f"{COUNT} notifications, {IN_FLIGHT} calls in flight, server in another process")
    print("                       per s   per s of CPU   µs CPU each")
    print(
        f"  outbox and receipt  {COUNT / took_s:6.0f} {COUNT / cpu_s:14.0f} "
        f"{cpu_s / COUNT * 1e6:13.0f}   (must {MUST_PER_S}, goal {GOAL_PER_S} per core)"
    )
    print(
        f"  the bare client     {COUNT / bare_s:6.0f} {COUNT / bare_cpu_s:14.0f} "
        f"{bare_cpu_s / COUNT * 1e6:13.0f}   ratio {cpu_s / bare_cpu_s:.2f}"
    )


if __name__ == "__main__":
    asyncio.run(serve() if sys.argv[1:] == ["serve"] else measure())
