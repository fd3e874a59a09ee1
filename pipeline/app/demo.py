"""The demo: a whole Tocsin with PagerDuty's simulator beside it, while a recorded storm plays.

It is the product itself, in a home of its own that begins empty; only the receiver, the catalog,
one silence and the storm are made up. The homes: `demo_embedded.py`, `demo_kafka.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

import yaml
from msgspec import Struct

from pipeline.app.serving import Behind, Serving, serve_until_signalled
from pipeline.codec import encode
from pipeline.domain.incident import Incident
from pipeline.domain.notification import DELIVERED, TRIGGER, Receipt
from pipeline.domain.secret import Secret
from pipeline.domain.silence import Silence
from pipeline.domain.sink import Http
from pipeline.domain.store import Output
from pipeline.edge.view import questions
from pipeline.edge.view.questions import EntryFilter, IncidentFilter
from pipeline.simulate.pagerduty import PagerDutySimulator
from pipeline.simulate.storm import FOLDER, Answered, play, read_recording
from pipeline.stages.enrich.catalog import parse_services
from pipeline.stages.route.config import Route
from pipeline.topology.declared import Topology
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


class Home(Behind, Protocol):
    """A Tocsin for the storm, which knows nothing yet. `hints` are commands for a person to try,
    each with what it shows.
    """

    @property
    def hints(self) -> list[tuple[str, str]]:
        """What can be looked at here and nowhere else."""
        ...

    async def know(self, records: Iterable[Output]) -> None:
        """Take in globals; whatever comes after this is decided by them."""
        ...


MakeHome = Callable[[Topology, str, str], AbstractAsyncContextManager[Home]]
"""Makes a home, not started, for a topology with its text, and the URL of a PagerDuty."""


class Demo:
    """One run of the demo; `look` may be asked at any time while it serves."""

    def __init__(self, make: MakeHome, host: str, port: int, *, speed: float = 1.0) -> None:
        self._make = make
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
    def hints(self) -> list[tuple[str, str]]:
        """Commands for this home, each with what it shows."""
        return self._home.hints

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
        playing: list[asyncio.Task[None]] = []

        def ready(url: str) -> None:
            self.url = url
            playing.append(asyncio.get_running_loop().create_task(self._play(on_over)))
            on_ready(url)

        async with self._make(topology, text, self._simulator.url) as self._home:
            serving = Serving(
                behind=self._home,
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
        now_ms = self._home.deps(None).now_ms()
        await self._home.know(_world(now_ms))
        self._begun_s = loop.time()
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

    async def _state(self) -> list[tuple[str, str, int]]:
        scene = await self.look()
        return [(one.incident_id, one.status, one.updated_at_ms) for one in scene.incidents]

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
        view = self._home.deps(None).view if self.url else None
        if view is None:
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
