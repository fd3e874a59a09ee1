"""The demo as a new user starts it: it plays to its end, says what came of it, and ends cleanly."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pipeline.simulate.storm import read_recording
from tests.cli.tocsin import Done, tocsin
from tests.crash.processes import Process
from tests.wait import wait_until

NUMBERS = "1,547 raw alerts → 14 incidents → 6 pages"
SPEED = "6"


class Demo(Process):
    """A demo whose output is no terminal, over a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            *("run", "--demo", "--speed", SPEED, "--listen", "127.0.0.1:0", "--data", str(folder))
        )

    def wait_for_its_end(self) -> None:
        """Until the storm has been played and everything is said."""
        wait_until(
            lambda: any("_sim/summary" in line for line in self.lines),
            what="the storm is over",
            deadline_s=60,
        )

    def call(self, *arguments: str) -> Done:
        """The command line in another terminal."""
        return tocsin(*arguments, environment={"TOCSIN_DATA": str(self.folder)})


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo"))
    demo.wait_for_its_end()
    yield demo
    demo.end()


def test_the_recorded_storm_gives_the_numbers_that_it_always_gives(demo: Demo) -> None:
    (line,) = [line for line in demo.lines if "resolved, " in line]
    assert line == f"{NUMBERS}  (2 resolved, 3 bad ones refused)"


def test_the_same_stands_in_the_api_and_at_the_receiver(demo: Demo) -> None:
    (command,) = [line for line in demo.lines if "/_sim/summary" in line]
    found = httpx.get(command.split()[1], trust_env=False).json()
    assert found["effects"]["triggered"] == 6
    assert found["effects"]["resolved"] == 1
    rows = demo.call("incidents", "--status", "any", "--json").json["incidents"]
    assert len(rows) == 14
    muted = {row["title"]: row["routing"]["muted_by"] for row in rows if row["routing"]["muted_by"]}
    assert set(muted) == {"ReportJobFailed on reports", "NodeNotReady on node-01"}


def test_one_incident_spans_what_depends_on_each_other(demo: Demo) -> None:
    rows = demo.call("incidents", "--status", "any", "-q", "DbLatencyHigh", "--json").json
    (incident,) = rows["incidents"]
    assert incident["services"] == ["db-payments", "payments", "checkout", "web"]
    assert incident["alert_count"] == 101
    shown = demo.call("incident", incident["incident_id"]).out
    assert "correlate.joined_dependency" in shown
    assert "by-service × 13" in shown


def test_everything_that_it_did_can_be_replayed(demo: Demo) -> None:
    found = demo.call("replay", "--data", str(demo.folder / "demo"), "--json")
    assert found.code == 0, found.out
    assert found.json["epochs"] == found.json["equal"] > 0


def test_the_curl_line_sends_the_next_alert_and_it_is_shown(demo: Demo) -> None:
    (command,) = [line for line in demo.lines if line.strip().startswith("curl") and " -d " in line]
    url, body = command.split()[1], command[command.index("'") + 1 : command.rindex("'")]
    answer = httpx.post(url, content=body, trust_env=False)
    assert answer.status_code == 202, answer.text
    name = json.loads(body)["name"]
    wait_until(
        lambda: any(name in line and "delivered" in line for line in demo.lines),
        what="a line about its page",
    )


def test_a_second_demo_over_the_same_folder_is_refused(demo: Demo) -> None:
    done = demo.call("run", "--demo", "--listen", "127.0.0.1:0")
    assert done.code == 1
    assert "is in use by process" in done.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_in_the_middle_and_begins_anew(tmp_path: Path, number: int) -> None:
    def begin_and_end() -> list[str]:
        demo = Demo(tmp_path)
        try:
            wait_until(lambda: any("trigger" in line for line in demo.lines), what="a page")
            demo.process.send_signal(number)
            assert demo.process.wait(timeout=30) == 0
        finally:
            demo.end()
        return demo.lines

    for lines in (begin_and_end(), begin_and_end()):
        assert not any("Traceback" in line for line in lines)


def test_a_recording_of_a_real_alertmanager_is_in_the_package() -> None:
    recording = read_recording()
    assert "Alertmanager 0.25.0" in recording.by
    assert 15_000 < recording.length_ms < 25_000
