"""The real Alertmanager pages into the simulator and resolves there."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import httpx

from pipeline.simulate.pagerduty import PagerDutySimulator
from tests.real import require_program
from tests.simulate.pagerduty.events import KEY
from tests.wait import wait_until, wait_until_async

CONFIG = """
route: {{receiver: page, group_by: [alertname], group_wait: 0s, group_interval: 100ms}}
receivers:
  - name: page
    pagerduty_configs:
      - routing_key: "{key}"
        url: "{url}/v2/enqueue"
        send_resolved: true
"""


def start(folder: Path, url: str) -> tuple[subprocess.Popen[bytes], str]:
    program = require_program("alertmanager", "prometheus-alertmanager")
    config = folder / "alertmanager.yml"
    config.write_text(CONFIG.format(key=KEY, url=url))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={config}",
                f"--storage.path={folder}",
                "--web.listen-address=127.0.0.1:0",
                "--cluster.listen-address=",
            ],
            stderr=log,
            stdout=log,
            env={"NO_PROXY": "*"},
        )

    def address() -> str:
        words = (folder / "log").read_text().replace('"', " ").split()
        found = [word for word in words if word.startswith("address=127.0.0.1:")]
        return found[-1].removeprefix("address=") if found else ""

    try:
        return process, f"http://{wait_until(address, what='Alertmanager says where it listens')}"
    except AssertionError:
        process.kill()
        process.wait()
        raise AssertionError((folder / "log").read_text()) from None


async def test_alertmanager_triggers_once_and_resolves(
    simulator: PagerDutySimulator, tmp_path: Path
) -> None:
    process, url = await asyncio.to_thread(start, tmp_path, simulator.url)
    try:
        alert: dict[str, Any] = {
            "labels": {"alertname": "DiskFull", "instance": "db-1", "severity": "critical"},
            "annotations": {"summary": "disk full"},
        }
        async with httpx.AsyncClient(base_url=url, trust_env=False) as alertmanager:
            for _ in range(3):
                assert (await alertmanager.post("/api/v2/alerts", json=[alert])).status_code == 200
            await wait_until_async(lambda: simulator.events, what="the page")
            alert["endsAt"] = "2020-01-01T00:00:00Z"
            alert["startsAt"] = "2019-01-01T00:00:00Z"
            await alertmanager.post("/api/v2/alerts", json=[alert])
            await wait_until_async(
                lambda: simulator.events[-1].effect == "resolved", what="the resolve"
            )
    finally:
        process.terminate()
        process.wait()
    effects = [call.effect for call in simulator.events]
    assert (effects[0], effects[-1]) == ("triggered", "resolved")
    assert "reopened" not in effects
    assert "refused" not in effects
    (incident,) = simulator.incidents
    assert "DiskFull" in incident.title
