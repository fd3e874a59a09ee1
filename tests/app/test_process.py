"""`tocsin run` as a process: the ready line on standard output, JSON lines on standard error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx

from tests.wait import wait_until

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
TOKEN = "the-0perat0r-t0ken"
TOPOLOGY = """
receivers: {on-call: {sink: pagerduty, routing_key: "env:KEY"}}
routes: {receiver: on-call}
"""


def test_it_says_what_becomes_of_it_and_no_secret(tmp_path: Path) -> None:
    config = tmp_path / "t.yaml"
    config.write_text(TOPOLOGY, encoding="utf-8")
    environment = {
        **os.environ,
        "KEY": ROUTING_KEY,
        "TOCSIN_TOKEN": TOKEN,
        "TOCSIN_PAGERDUTY_EVENTS_URL": "http://127.0.0.1:0",
    }
    arguments = ["run", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "d")]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments, "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    out, err = process.stdout, process.stderr
    assert out is not None
    assert err is not None
    printed: list[str] = []
    reader = threading.Thread(target=lambda: printed.extend(err), daemon=True)
    reader.start()
    try:
        url = out.readline().removeprefix("ready ").strip()
        headers = {"authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=20) as client:
            metrics = wait_until(
                lambda: (
                    text
                    if 'canaries_total{result="arrived"} 1.0'
                    in (text := client.get("/metrics").text)
                    else ""
                ),
                what="the first canary has arrived",
            )
            client.post("/api/v1/alerts", json={"name": "A", "status": "firing"})
            wait_until(
                lambda: 'calls_total{outcome="retry"' in client.get("/metrics").text,
                what="a call has failed",
            )
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: any("reloaded" in line for line in printed), what="it has reloaded")
        config.write_text(f"{TOPOLOGY}correlat: {{}}\nscopes: []\n", encoding="utf-8")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: any("not reloaded" in line for line in printed), what="it has refused")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        reader.join()
        out.close()
        err.close()
    lines: list[dict[str, Any]] = [json.loads(line) for line in printed]
    refused = "not reloaded, the old rules stay"
    events = ["started", "ready", "reloaded", refused, "stopped"]
    assert [line["event"] for line in lines] == events
    assert len(lines[3]["complaints"]) == 2
    assert all(str(config) in each for each in lines[3]["complaints"])
    assert lines[1]["url"] == url
    assert lines[0]["topology"] == lines[2]["topology"]
    assert f'installation="{lines[0]["installation"]}"' in metrics
    whole = "".join(printed) + metrics
    assert ROUTING_KEY not in whole
    assert TOKEN not in whole
