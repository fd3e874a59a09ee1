"""Notifications per second of one core: outbox, call, receipt, commits included.

`python -m tests.bench.notifications`. The agent `deliver` on the embedded host, on disk, is
given notifications of as many incidents, and calls a server in another process, 100 at a time.
Beside
it the bare client sends the same bodies to the same server. CPU is that of this process, all
threads: the server's is not counted, and what waits costs nothing.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import uvloop

from pipeline.app import compose
from pipeline.codec import encode
from pipeline.domain.call import CallResult
from pipeline.domain.secret import Secret
from pipeline.domain.sink import Response
from pipeline.domain.store import Output
from pipeline.hosts.clock import Clock
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.host import EmbeddedHost
from pipeline.hosts.embedded.runner import Runner
from pipeline.sinks.pagerduty import SINK as PAGERDUTY
from pipeline.sinks.pagerduty import PagerDutyConfig
from pipeline.stages.send.tables import CALLING, OUTBOX, Entry
from pipeline.topology.load import load
from pipeline.wire.client import Client
from pipeline.wire.loop import DeliveryLoop
from tests.checks.sink import requests_of
from tests.stages.send.given import ROUTING_KEY, rich
from tests.wait import wait_until_async

T = TypeVar("T")
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
        self._transport = cast("asyncio.Transport", transport)
        self._bytes = b""

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        head, mark, rest = self._bytes.partition(b"\r\n\r\n")
        if not mark:
            return
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if len(rest) >= size:
            self._bytes = rest[size:]
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


class Deliver:
    """The agent `deliver` on an embedded host, with the delivery loop, and nothing else."""

    def __init__(self, url: str, folder: Path, client: Client) -> None:
        topology = load(TOPOLOGY, "bench", lambda _: Secret(ROUTING_KEY))
        wires = compose.wiring(topology, "abcdefgh", slot="bench", events_url=url)
        types = compose.event_types(topology)
        clock = Clock()
        self.host = EmbeddedHost(
            connect(str(folder / "bench.db")),
            [agent for agent in compose.agents(topology, wires) if agent.name == "deliver"],
            topics=types,
            globals_={},
            now_ms=clock.now_ms,
        )
        self.runner = Runner(self.host, clock.now_ms)
        self._delivery = DeliveryLoop(
            client, wires.sinks, wires.sections["receivers"], "abcdefgh", self._take_back
        )
        self._loop = asyncio.get_running_loop()
        self.host.watch(OUTBOX.name, self._committed)

    def _take_back(self, result: CallResult) -> None:
        self.runner.inject(self.host.owner(OUTBOX.name), result)

    def _committed(self, _task: str, rows: Mapping[str, Any]) -> None:
        calls = [row for row in rows.values() if row is not None and row.state == CALLING]
        self._loop.call_soon_threadsafe(self._start, calls)

    def _start(self, calls: list[Entry]) -> None:
        for entry in calls:
            self._delivery.start(entry)


async def through_the_outbox(url: str, folder: Path) -> tuple[float, float]:
    """COUNT notifications from the topic to their receipts."""
    client = Client()
    deliver = Deliver(url, folder, client)
    deliver.runner.start()
    outputs = [notification(n) for n in range(COUNT)]
    log = deliver.host.log

    async def work() -> None:
        for start in range(0, COUNT, BATCH):
            await deliver.runner.append(outputs[start : start + BATCH])
        await wait_until_async(
            lambda: log.bounds("receipts", 0)[1] >= COUNT, what="receipts", deadline_s=120
        )

    try:
        return await timed(work)
    finally:
        await deliver.runner.stop()
        await client.close()


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


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run on the event loop that the product runs on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def measure() -> None:
    """Print the table."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.notifications", "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    url = f"http://127.0.0.1:{int(server.stdout.readline())}"
    try:
        bare_s, bare_cpu_s = run(bare(url))
        with tempfile.TemporaryDirectory() as folder:
            took_s, cpu_s = run(through_the_outbox(url, Path(folder)))
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
    if sys.argv[1:] == ["serve"]:
        run(serve())
    else:
        measure()
