"""The real processes of a crash test: `tocsin run` and `tocsin simulator`, started and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.wait import wait_until

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
FAST = """
receivers:
  on-call: {sink: pagerduty, routing_key: "env:PAGERDUTY_ROUTING_KEY", rate: 1000/s, repeat: off}
routes: {receiver: on-call}
correlate: {quiet: off}
"""
"""Each alert without a service is an incident and a page of its own, as fast as it goes."""


class Process:
    """One `tocsin` process that has said `ready`."""

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = wait_until(self._ready, what=f"{arguments[0]} is ready", deadline_s=30)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            for line in self.process.stdout:
                self.lines.append(line.rstrip("\n"))

    def _ready(self) -> str:
        assert self.process.poll() is None, "\n".join(self.lines)
        ready = [line for line in self.lines if line.startswith("ready ")]
        return ready[0].removeprefix("ready ") if ready else ""

    def kill(self) -> None:
        """As the kernel does it when memory runs out: at once, without a word."""
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def stop(self) -> int:
        """As an operator does it; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        self._reader.join()
        return code

    def end(self) -> None:
        """End it whatever its state."""
        if self.process.poll() is None:
            self.kill()


class World:
    """A simulator that outlives everything, and a Tocsin over one data folder."""

    def __init__(self, folder: Path, topology: str = FAST) -> None:
        self.data = folder / "data"
        self.config = folder / "topology.yaml"
        self.config.write_text(topology, encoding="utf-8")
        self.http = httpx.Client(timeout=30, trust_env=False)
        self.simulator = Process("simulator", "--listen", "127.0.0.1:0")
        self.tocsin = self._start()

    def _start(self) -> Process:
        return Process(
            "run",
            *("--listen", "127.0.0.1:0"),
            *("--data", str(self.data)),
            *("--config", str(self.config)),
            environment={
                "TOCSIN_PAGERDUTY_EVENTS_URL": self.simulator.url,
                "PAGERDUTY_ROUTING_KEY": ROUTING_KEY,
            },
        )

    def restart(self) -> None:
        """Start Tocsin again over the same folder; the former one must have ended."""
        assert self.tocsin.process.poll() is not None
        self.tocsin = self._start()

    def end(self) -> None:
        """End both processes."""
        self.http.close()
        self.tocsin.end()
        self.simulator.end()

    def post(self, names: Iterable[str], **fields: Any) -> None:
        """Send one batch of alerts; raises httpx.HTTPError unless it was accepted."""
        batch = [
            {"name": name, "status": "firing", "severity": "critical", **fields} for name in names
        ]
        answer = self.http.post(f"{self.tocsin.url}/api/v1/alerts", json=batch)
        answer.raise_for_status()
        assert answer.json()["accepted"] == len(batch), answer.text

    def calls(self) -> list[dict[str, Any]]:
        """Every call that the simulator received, in order."""
        found: list[dict[str, Any]] = []
        since = 0
        while True:
            url = f"{self.simulator.url}/_sim/events"
            page = self.http.get(url, params={"since": since, "limit": 10_000}).json()
            found += page["events"]
            if not page["more"]:
                return found
            since = page["next"]

    def effective(self, effect: str = "triggered") -> list[str]:
        """The title of each call with that effect, in order; a resolve has its trigger's."""
        titles: dict[str, str] = {}
        found = []
        for call in self.calls():
            if call["payload"]:
                titles[call["dedup_key"]] = call["payload"]["summary"]
            if call["effect"] == effect:
                found.append(titles.get(call["dedup_key"], call["dedup_key"]))
        return found

    def faults(self, *faults: Mapping[str, Any], seed: int = 1) -> None:
        """Set the simulator's faults; none: it is well again."""
        url = f"{self.simulator.url}/_sim/faults"
        answer = self.http.post(url, json={"faults": list(faults), "seed": seed})
        assert answer.status_code == 200, answer.text
