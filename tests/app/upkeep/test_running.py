"""A whole Embedded over a real folder, with the real PagerDuty simulator: is upkeep at work?"""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from pipeline.app.compose import CANARY
from pipeline.app.embedded import Embedded
from pipeline.app.upkeep.upkeep import CANARY_LOST
from pipeline.codec import encode
from pipeline.domain.alert import Alert
from pipeline.domain.errors import Busy, EpochRefused
from pipeline.domain.secret import Secret
from pipeline.domain.stage import Context
from pipeline.domain.store import Output
from pipeline.engine import Task
from pipeline.hosts.embedded.folder import Folder
from pipeline.observe.logs import OURS, configure
from pipeline.security.redaction import secrets_of
from pipeline.simulate.pagerduty import PagerDutySimulator
from pipeline.stages.watch.stage import WatchStage
from pipeline.topology.load import load
from tests.wait import wait_until_async
from tests.wire.server import Server, always, serving

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
WATCHER_PATH = "/ping/5ecret-0f-the-watcher"
TOPOLOGY = """
receivers: {on-call: {sink: pagerduty, routing_key: "env:KEY"}}
routes: {receiver: on-call}
correlate: {quiet: off}
observe: {canary: {every: 1s, within: 1s}%s}
"""


@pytest.fixture
async def simulator() -> AsyncIterator[PagerDutySimulator]:
    running = PagerDutySimulator()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The lines of the log, as in production."""
    root = logging.getLogger()
    before = root.level
    stream = io.StringIO()
    configure("debug", stream=stream)
    yield stream
    root.handlers = [each for each in root.handlers if each.get_name() != OURS]
    root.setLevel(before)
    structlog.reset_defaults()


@contextlib.asynccontextmanager
async def running(
    folder: Path, url: str, more: str = "", watcher: str = "http://127.0.0.1:0/"
) -> AsyncIterator[Embedded]:
    """A started Embedded; `more` is added to `observe`."""
    secrets = {"env:KEY": ROUTING_KEY, "env:WATCHER": watcher}
    topology = load(TOPOLOGY % more, "t.yaml", lambda name: Secret(secrets[name]))
    embedded = Embedded(topology, Folder(folder), events_url=url)
    await embedded.start()
    try:
        yield embedded
    finally:
        await embedded.stop()


def titles(simulator: PagerDutySimulator) -> list[tuple[str, str]]:
    return [(each.title, each.status) for each in simulator.incidents]


def arrived(embedded: Embedded) -> float:
    return embedded.metrics.value("canaries", {"result": "arrived"})


async def test_canaries_arrive_and_page_nobody(
    tmp_path: Path, simulator: PagerDutySimulator
) -> None:
    async with running(tmp_path, simulator.url) as embedded:
        await wait_until_async(lambda: arrived(embedded) >= 2, what="two canaries have arrived")
        assert embedded.complaints() == []
        text = embedded.metrics.render().decode()
        assert "tocsin_ready 1.0" in text
        assert f'installation="{embedded.installation}"' in text
        assert 'tocsin_lag_records{task="decide-0"} ' in text
        assert embedded.metrics.value("disk_free_bytes") > 0
        assert embedded.metrics.value("disk_bytes", {"part": "database"}) > 0
        assert embedded.metrics.value("undeclared_metrics") == 0
    assert simulator.events == []


async def test_in_a_dry_run_the_canary_goes_as_far_as_the_outbox(
    tmp_path: Path, simulator: PagerDutySimulator
) -> None:
    topology = load(TOPOLOGY % "", "t.yaml", lambda _: Secret(ROUTING_KEY))
    embedded = Embedded(topology, Folder(tmp_path), events_url=simulator.url, is_dry=True)
    await embedded.start()
    try:
        await wait_until_async(lambda: arrived(embedded) >= 1, what="a canary has arrived")
        assert embedded.complaints() == []
    finally:
        await embedded.stop()
    assert simulator.events == []


async def test_a_canary_that_is_swallowed_pages_until_the_next_one_arrives(
    tmp_path: Path, simulator: PagerDutySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = WatchStage.process
    is_broken = True

    def swallow(self: WatchStage, event: Alert, ctx: Context) -> None:
        """Lose the canaries, and nothing else."""
        if not is_broken or event.name != CANARY:
            process(self, event, ctx)

    monkeypatch.setattr(WatchStage, "process", swallow)
    async with running(tmp_path, simulator.url) as embedded:
        await wait_until_async(
            lambda: titles(simulator) == [(f"{CANARY_LOST} on tocsin", "triggered")],
            what="the lost canary pages",
        )
        assert any("has not arrived" in each for each in embedded.complaints())
        is_broken = False
        await wait_until_async(
            lambda: titles(simulator) == [(f"{CANARY_LOST} on tocsin", "resolved")],
            what="the next one resolves it",
        )
        assert embedded.complaints() == []


async def test_a_halted_task_holds_back_the_ping_and_pages_once_it_goes_on(
    tmp_path: Path, simulator: PagerDutySimulator, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    run = Task.run
    is_halting = False

    def refuse(self: Task, batch: Any, now_ms: int) -> Any:
        """As if a broken deploy raised on every event."""
        if is_halting and self.agent.name == "intake" and batch:
            raise EpochRefused("21 of 21 events raise")
        return run(self, batch, now_ms)

    monkeypatch.setattr(Task, "run", refuse)
    monkeypatch.setattr("pipeline.hosts.embedded.host.HALT_MS", 200)
    more = ", dead_man: {url: 'env:WATCHER', every: 50ms}"
    async with (
        serving(always(200)) as watcher,
        running(tmp_path, simulator.url, more, watcher.url + WATCHER_PATH) as embedded,
    ):
        await wait_until_async(lambda: watcher.requests, what="the watcher is called while well")
        is_halting = True
        pings = embedded.metrics.value
        await wait_until_async(
            lambda: pings("dead_man_pings", {"result": "held_back"}) > 1, what="pings are held back"
        )
        assert any("intake-0 stopped: 21 of 21" in each for each in embedded.complaints())
        assert b'tocsin_task_halted{task="intake-0"} 1.0' in embedded.metrics.render()
        await wait_until_async(lambda: "in trouble" in log.getvalue(), what="it is logged")
        is_halting = False
        await wait_until_async(
            lambda: "TocsinTaskHalted on tocsin" in [title for title, _ in titles(simulator)],
            what="its alert waited in raw-alerts, and pages now",
        )
        await wait_until_async(lambda: "recovered" in log.getvalue(), what="that is logged too")
        await wait_until_async(lambda: not embedded.complaints(), what="it is ready again")
    said = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["event"] for line in said if line.get("trouble") == "task intake-0"] == [
        "in trouble",
        "recovered",
    ]
    assert watcher.requests[0].path == WATCHER_PATH
    assert {"started", "stopped"} <= {line["event"] for line in said}


async def test_a_folder_that_was_moved_is_said_until_it_is_back(
    tmp_path: Path, simulator: PagerDutySimulator, log: io.StringIO
) -> None:
    folder = tmp_path / "d"
    async with running(folder, simulator.url) as embedded:
        await wait_until_async(lambda: arrived(embedded) >= 1, what="a canary has arrived")
        folder.rename(tmp_path / "elsewhere")
        await wait_until_async(
            lambda: any("moved or deleted" in each for each in embedded.complaints()),
            what="it is not ready",
        )
        with pytest.raises(Busy):
            await embedded.runner.append([Output(topic="raw-alerts", key="", value=b"{}")])
        await wait_until_async(lambda: "moved or deleted" in log.getvalue(), what="it is logged")
        assert not folder.exists()
        (tmp_path / "elsewhere").rename(folder)
        before = arrived(embedded)
        await wait_until_async(lambda: "recovered" in log.getvalue(), what="that is logged too")
        await wait_until_async(lambda: not embedded.complaints(), what="it is ready again")
        await wait_until_async(lambda: arrived(embedded) > before, what="canaries arrive again")
    said = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["event"] for line in said if line.get("trouble") == "fault"] == [
        "in trouble",
        "recovered",
    ]


RAW = b'{"name": "A", "status": "firing"}'


async def test_a_refused_page_becomes_an_alert_about_ourselves(
    tmp_path: Path, log: io.StringIO
) -> None:
    async with serving(always(400)) as server, running(tmp_path, server.url) as embedded:
        await embedded.runner.append([Output(topic="raw-alerts", key="", value=RAW)])
        await wait_until_async(
            lambda: embedded.metrics.value("self_alerts", {"name": "TocsinUndelivered"}) == 1,
            what="the alert about ourselves fires",
        )
    (said,) = [
        line
        for line in map(json.loads, log.getvalue().splitlines())
        if line.get("alert") == "TocsinUndelivered"
    ]
    assert said["receiver"] == "on-call"


async def test_a_receiver_that_fails_is_in_the_log(tmp_path: Path, log: io.StringIO) -> None:
    async with serving(always(500)) as server, running(tmp_path, server.url) as embedded:
        raws = [RAW.replace(b'"A"', b'"A%d"' % n) for n in range(8)]
        records = [Output(topic="raw-alerts", key=f"{n}", value=raw) for n, raw in enumerate(raws)]
        await embedded.runner.append(records)
        await wait_until_async(lambda: "receiver fails" in log.getvalue(), what="it is said")
    said = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [x["receiver"] for x in said if x["event"] == "receiver fails"] == ["on-call"]


async def test_no_secret_reaches_the_log_whatever_fails(
    tmp_path: Path, simulator: PagerDutySimulator, log: io.StringIO
) -> None:
    more = ", dead_man: {url: 'env:WATCHER', every: 50ms}"

    def failing(server: Server) -> Callable[[], bool]:
        return lambda: len(server.requests) > 1 and "watcher does not answer" in log.getvalue()

    async with serving(always(500)) as server:
        url = server.url + WATCHER_PATH
        async with running(tmp_path, server.url, more, url) as embedded:
            configure("debug", stream=log, secrets=secrets_of(embedded.topology))
            alert = Alert(alert_id="", fingerprint="f" * 16, name="A")
            raw = b'{"name": "A", "status": "firing", "description": "%s"}' % ROUTING_KEY.encode()
            await embedded.runner.append([Output(topic="raw-alerts", key="", value=raw)])
            await embedded.runner.append([Output(topic="alerts", key="", value=encode(alert))])
            await wait_until_async(failing(server), what="calls fail")
            structlog.get_logger("tocsin.test").error(f"sent to {url} with {ROUTING_KEY}")
    assert "sent to" in log.getvalue()
    assert ROUTING_KEY not in log.getvalue()
    assert WATCHER_PATH not in log.getvalue()


async def test_a_disk_that_is_nearly_full_pages_and_a_reload_can_settle_it(
    tmp_path: Path, simulator: PagerDutySimulator
) -> None:
    more = ", disk_free_min: 1000000GB"
    async with running(tmp_path, simulator.url, more) as embedded:
        await wait_until_async(
            lambda: titles(simulator) == [("TocsinDiskLow on tocsin", "triggered")],
            what="the disk watch pages",
        )
        assert embedded.complaints() == []
        topology = load(TOPOLOGY % "", "t.yaml", lambda _: Secret(ROUTING_KEY))
        await embedded.reload(topology, "")
        await wait_until_async(
            lambda: titles(simulator) == [("TocsinDiskLow on tocsin", "resolved")],
            what="there is enough room by the new rules",
        )
        assert f'topology="{topology.hash}"' in embedded.metrics.render().decode()


async def test_without_a_canary_none_is_sent_and_nothing_is_missing(
    simulator: PagerDutySimulator,
) -> None:
    text = (TOPOLOGY % "").replace("every: 1s", "every: off")
    topology = load(text, "t.yaml", lambda _: Secret(ROUTING_KEY))
    embedded = Embedded(topology, None, events_url=simulator.url)
    await embedded.start()
    try:
        runs = {"job": "canary"}
        await wait_until_async(
            lambda: embedded.metrics.value("upkeep_runs", runs) >= 2, what="two looks"
        )
        assert embedded.metrics.value("canaries", {"result": "sent"}) == 0
        assert embedded.complaints() == []
    finally:
        await embedded.stop()
