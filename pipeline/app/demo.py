"""The demo: a whole Tocsin with PagerDuty's simulator beside it, while a recorded storm plays.

It is the product itself, over a folder of its own that begins empty; only the receiver, the
catalog, one silence and the storm are made up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import yaml
from msgspec import Struct

from pipeline.app.embedded import VIEW, Embedded
from pipeline.app.serving import Serving, serve_until_signalled
from pipeline.codec import encode
from pipeline.domain.incident import Incident
from pipeline.domain.notification import DELIVERED, TRIGGER, Receipt
from pipeline.domain.secret import Secret
from pipeline.domain.silence import Silence
from pipeline.domain.sink import Http
from pipeline.domain.store import Output
from pipeline.edge.view import questions
from pipeline.edge.view.questions import EntryFilter, IncidentFilter
from pipeline.hosts.embedded.folder import DATABASE, SERVER, Folder
from pipeline.simulate.pagerduty import PagerDutySimulator
from pipeline.simulate.storm import FOLDER, Answered, play, read_recording
from pipeline.stages.enrich.catalog import parse_services
from pipeline.stages.route.config import Route
from pipeline.topology.load import load
from pipeline.wire.client import Client

ROUTING_KEY: Final = "d" * 32
"""What the simulator is called with: it takes any key."""

AHEAD_MS: Final = 60_000
"""The silence began so long ago, so that it holds from the first alert on."""

SILENCE_MS: Final = 3_600_000
LIST_MAX: Final = 500
SETTLED_S: Final = 3.0
"""The storm is over when nothing has changed for so long after its last alert."""

SETTLE_WITHIN_S: Final = 15.0


class Scene(Struct, frozen=True, kw_only=True):
    """What there is to see at one moment. `pages` counts what was effective at the receiver;
    `receipts` are the latest, `took_ms` the ways from alert to page, both the latest first.
    `routes` gives the matchers of a route by its path.
    """

    elapsed_s: float = 0.0
    is_over: bool = False
    raw: int = 0
    refused: int = 0
    pages: int = 0
    resolved: int = 0
    incidents: tuple[Incident, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    took_ms: tuple[int, ...] = ()
    routes: dict[str, str] = {}


class Demo:
    """One run of the demo; `look` may be asked at any time while it serves."""

    def __init__(self, folder: Path, host: str, port: int, *, speed: float = 1.0) -> None:
        self._folder = folder
        self._host, self._port, self._speed = host, port, speed
        self._simulator = PagerDutySimulator()
        self._client = Client()
        self._recording = read_recording()
        self._raw = self._refused = 0
        self._is_over = False
        self._begun_s = self._ended_s = 0.0
        self.url = ""

    @property
    def pagerduty_url(self) -> str:
        """Where the simulator is."""
        return self._simulator.url

    @property
    def by(self) -> str:
        """What the storm was recorded with."""
        return self._recording.by

    async def run(self, on_ready: Callable[[str], None], on_over: Callable[[], None]) -> None:
        """Serve until a signal; play the storm once, and say when it is over.

        Raises TocsinError where it cannot begin, or what ended a part of it.
        """
        await self._simulator.start()
        try:
            await self._serve(on_ready, on_over)
        finally:
            await self._client.close()
            await self._simulator.stop()

    async def _serve(self, on_ready: Callable[[str], None], on_over: Callable[[], None]) -> None:
        text = (FOLDER / "topology.yaml").read_text(encoding="utf-8")
        topology = load(text, "the demo's topology.yaml", lambda _: Secret(ROUTING_KEY))
        self._routes = _matchers(topology.sections["routes"], "routes")
        clear(self._folder)
        self._embedded = Embedded(
            topology, Folder(self._folder), text=text, events_url=self._simulator.url
        )
        playing: list[asyncio.Task[None]] = []

        def ready(url: str) -> None:
            self.url = url
            playing.append(asyncio.get_running_loop().create_task(self._play(on_over)))
            on_ready(url)

        serving = Serving(
            behind=self._embedded,
            host=self._host,
            port=self._port,
            token=None,
            reload=lambda: None,
            on_ready=ready,
        )
        try:
            await serve_until_signalled(serving)
        finally:
            for task in playing:
                task.cancel()
            await asyncio.gather(*playing, return_exceptions=True)

    async def _play(self, on_over: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._begun_s = loop.time()
        now_ms = self._embedded.clock.now_ms()
        await self._embedded.runner.append(_world(now_ms))
        await play(self._recording, self._post, self._count, start_ms=now_ms, speed=self._speed)
        await self._settle()
        self._is_over, self._ended_s = True, loop.time()
        on_over()

    async def _settle(self) -> None:
        """Wait until the last incidents have resolved and nothing changes any more."""
        clock = asyncio.get_running_loop().time
        give_up_s = clock() + SETTLE_WITHIN_S
        known, since_s = await self._state(), clock()
        while clock() < min(give_up_s, since_s + SETTLED_S):
            await asyncio.sleep(0.1)
            now = await self._state()
            if now != known:
                known, since_s = now, clock()

    async def _state(self) -> list[tuple[str, int]]:
        scene = await self.look()
        return [(one.incident_id, one.version) for one in scene.incidents]

    async def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        headers = {"content-type": "application/json"}
        request = Http(method="POST", url=self.url + path, headers=headers, body=body)
        answer = await self._client.call(request)
        return answer.status, answer.body

    def _count(self, answered: Answered) -> None:
        self._raw += answered.accepted + answered.refused
        self._refused += answered.refused

    async def look(self) -> Scene:
        """What there is to see now. Raises StoreError."""
        view = self._embedded.view
        if view is None or not self.url:
            return Scene()
        page = await view.ask(questions.incidents, IncidentFilter(), LIST_MAX, "")
        receipts = await view.ask(questions.entries, "receipts", EntryFilter(), LIST_MAX)
        told = tuple(receipts.rows)
        effects = self._simulator.desk.book.totals
        end_s = self._ended_s or asyncio.get_running_loop().time()
        return Scene(
            elapsed_s=end_s - self._begun_s if self._begun_s else 0.0,
            is_over=self._is_over,
            raw=self._raw,
            refused=self._refused,
            pages=effects.get("triggered", 0) + effects.get("reopened", 0),
            resolved=effects.get("resolved", 0),
            incidents=tuple(one for one in page.rows[::-1] if not one.merged_into),
            receipts=told,
            took_ms=tuple(
                one.at_ms - one.received_at_ms
                for one in told
                if one.action == TRIGGER and one.result == DELIVERED
            ),
            routes=self._routes,
        )


def _matchers(route: Route, path: str) -> dict[str, str]:
    found = {path: " ".join(route.match)}
    for at, child in enumerate(route.routes):
        found |= _matchers(child, f"{path}[{at}]")
    return found


def clear(folder: Path) -> None:
    """Take away what an earlier demo left, and nothing else. Raises Busy while one runs."""
    held = Folder(folder)
    held.acquire()
    try:
        for name in (DATABASE, VIEW):
            for ending in ("", "-wal", "-shm"):
                (folder / f"{name}{ending}").unlink(missing_ok=True)
        (folder / SERVER).unlink(missing_ok=True)
    finally:
        held.release()


def _world(now_ms: int) -> list[Output]:
    """What is known before the storm: the catalog, and a silence over the nightly reports."""
    document = yaml.safe_load((FOLDER / "catalog.yaml").read_text(encoding="utf-8"))
    services = parse_services([document], ["catalog.yaml"]).services
    records = [
        Output(topic="services", key=one.name, value=encode(one), event=one) for one in services
    ]
    silence = Silence(
        silence_id="s-reports",
        tenant="default",
        matchers=('service="reports"',),
        starts_at_ms=now_ms - AHEAD_MS,
        ends_at_ms=now_ms + SILENCE_MS,
        created_by="anna",
        comment="reports move to the new cluster today",
        created_at_ms=now_ms - AHEAD_MS,
        effective_at_ms=now_ms - AHEAD_MS,
    )
    records.append(
        Output(topic="silences", key=silence.silence_id, value=encode(silence), event=silence)
    )
    return records
