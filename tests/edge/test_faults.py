"""When the disk is full, the database locked, a sender slow or gone: nothing accepted is lost."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.domain.store import Output
from pipeline.edge.admission import Admission
from pipeline.edge.body import read_body
from pipeline.edge.limits import Limits
from pipeline.edge.problem import Problem
from pipeline.edge.protocol import HEAD_SIZE_BYTES_MAX, BoundedProtocol
from pipeline.hosts.embedded.runner import Runner
from tests.edge.world import World, running
from tests.wait import wait_until_async

GOOD = {"name": "a", "status": "firing"}


async def test_a_locked_database_is_a_503_until_it_is_free(world: World) -> None:
    assert (await world.client.post("/api/v1/alerts", json=GOOD)).status_code == 202
    other = sqlite3.connect(world.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer = await world.client.post("/api/v1/alerts", json=GOOD)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "locked" in answer.json()["detail"]
    assert (await world.client.get("/healthz")).status_code == 200
    other.execute("ROLLBACK")
    other.close()
    assert (await world.client.post("/api/v1/alerts", json=GOOD)).status_code == 202
    assert len(world.records("raw-alerts")) == 2


async def test_a_full_disk_is_a_503_until_there_is_room(world: World) -> None:
    def bound(pages_more: int) -> Any:
        def set_bound() -> None:
            count = world.host._db.execute("PRAGMA page_count").fetchone()[0]
            world.host._db.execute(f"PRAGMA max_page_count = {count + pages_more}")

        return set_bound

    batch = [{**GOOD, "description": "x" * 900, "host": f"h{n}"} for n in range(200)]
    await world.runner.between_epochs(bound(60))
    accepted = 0
    answer = await world.client.post("/api/v1/alerts", json=batch)
    while answer.status_code == 202:
        accepted += answer.json()["accepted"]
        answer = await world.client.post("/api/v1/alerts", json=batch)
    assert answer.status_code == 503
    assert "full" in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) >= 1
    assert (await world.client.get("/healthz")).status_code == 200
    assert len(world.records("raw-alerts")) == accepted
    await world.runner.between_epochs(bound(100_000))
    answer = await world.client.post("/api/v1/alerts", json=batch)
    assert answer.status_code == 202
    assert len(world.records("raw-alerts")) == accepted + len(batch)


class Held:
    """An appender that waits until it is let go."""

    def __init__(self, appender: Runner) -> None:
        self.appender = appender
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()

    async def append(self, outputs: Iterable[Output]) -> Sequence[tuple[str, int, int]]:
        self.asked.set()
        await self.let_go.wait()
        return await self.appender.append(outputs)


async def ask_until_refused(url: str) -> None:
    while True:
        async with httpx.AsyncClient(trust_env=False) as late:
            await late.get(f"{url}/healthz")


async def test_a_request_in_hand_is_answered_before_the_edge_stops(tmp_path: Path) -> None:
    held: list[Held] = []

    def hold(world: World) -> Held:
        held.append(Held(world.runner))
        return held[0]

    stopping = asyncio.Event()
    async with running(tmp_path, stopping=stopping, appender=hold) as world:
        asked = asyncio.create_task(world.client.post("/api/v1/alerts", json=GOOD))
        await held[0].asked.wait()
        stopping.set()
        with pytest.raises(httpx.TransportError):
            await ask_until_refused(world.url)
        held[0].let_go.set()
        assert (await asked).status_code == 202
        assert len(world.records("raw-alerts")) == 1


async def test_a_sender_that_goes_away_leaves_nothing_behind(world: World) -> None:
    host, port = world.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/v1/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n[{"
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    answer = await world.client.post("/api/v1/alerts", json=GOOD)
    assert answer.status_code == 202
    assert len(world.records("raw-alerts")) == 1


async def talk(world: World, *parts: bytes) -> bytes:
    """Send parts on one connection, and read all that comes until it is closed."""
    host, port = world.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for part in parts:
        writer.write(part)
        await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return answer


async def test_a_head_without_end_is_cut_off(world: World) -> None:
    answer = await talk(world, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"x" * 70_000)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"65536" in answer


async def test_a_large_body_is_no_large_head(world: World) -> None:
    body = json.dumps([{**GOOD, "description": "x" * 900}] * 200).encode()
    assert len(body) > HEAD_SIZE_BYTES_MAX
    head = b"POST /api/v1/alerts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    answer = await talk(world, head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert answer.startswith(b"HTTP/1.1 202")


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: loc"])
async def test_a_head_that_does_not_come_is_not_waited_for(
    world: World, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedProtocol, "head_s_max", 0.05)
    assert await talk(world, sent) == b""
    monkeypatch.undo()
    assert (await world.client.get("/healthz")).status_code == 200


class Sender:
    """What ASGI's `receive` gives: chunks, then an end, a silence, or a disconnect."""

    def __init__(self, *chunks: bytes, then: str = "end") -> None:
        self._events: list[dict[str, Any]] = [
            {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
        ]
        self._then = then

    async def __call__(self) -> dict[str, Any]:
        if self._events:
            return self._events.pop(0)
        if self._then == "silence":
            await asyncio.Event().wait()
        if self._then == "disconnect":
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}


@pytest.mark.parametrize(
    ("sender", "headers", "expected"),
    [
        (Sender(b"ab", b"cd"), {}, b"abcd"),
        (Sender(), {}, b""),
        (Sender(b"x" * 10), {}, b"x" * 10),
        (Sender(b"x" * 11), {}, 413),
        (Sender(), {"content-length": "11"}, 413),
        (Sender(), {"content-length": "9" * 30}, b""),
        (Sender(b"a", then="silence"), {}, 408),
        (Sender(b"a", then="disconnect"), {}, 400),
        (Sender(b"a"), {"content-encoding": "br"}, 415),
        (Sender(b"a"), {"content-encoding": "identity"}, b"a"),
        (Sender(b""), {"content-encoding": "gzip"}, b""),
    ],
)
async def test_a_body_is_read_within_its_limits_and_counted_back(
    sender: Sender, headers: dict[str, str], expected: bytes | int
) -> None:
    limits = Limits(body_size_bytes_max=10, body_read_ms_max=50, bodies_size_bytes_max=20)
    admission = Admission(limits, lambda: 0)
    held = [0]
    if isinstance(expected, bytes):
        assert await read_body(sender, headers, limits, admission, held) == expected
    else:
        with pytest.raises(Problem) as caught:
            await read_body(sender, headers, limits, admission, held)
        assert caught.value.status == expected
    admission.release(held[0])
    admission.hold(20)
    with pytest.raises(Problem):
        admission.hold(1)


def test_a_bucket_fills_again_and_never_overflows() -> None:
    now = [0]
    admission = Admission(Limits(alerts_per_s=10, alerts_burst=20), lambda: now[0])
    admission.charge("a", 30)
    with pytest.raises(Problem) as caught:
        admission.check_rate("a")
    assert caught.value.retry_after_s == 1
    admission.check_rate("b")
    now[0] = 1_001
    admission.check_rate("a")
    now[0] = 10**9
    admission.charge("a", 20)
    with pytest.raises(Problem):
        admission.check_rate("a")


async def test_the_edges_own_alert_is_not_lost_to_noise(tmp_path: Path) -> None:
    async with running(tmp_path, limits=Limits(body_size_bytes_max=100)) as world:
        for _ in range(5):
            answer = await world.client.post("/api/v2/alerts", content=b" " * 101)
            assert answer.status_code == 503
        await wait_until_async(lambda: world.calls, what="a page about it")
        assert len(world.records("raw-alerts")) == 1
