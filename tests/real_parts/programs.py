"""Debian's Alertmanager and Prometheus as processes of a test, on ports of the kernel's choice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.real import require_program
from tests.wait import wait_until

ALERTMANAGER = """
route:
  receiver: tocsin
  group_by: [{group_by}]
  group_wait: 0s
  group_interval: {interval}
  repeat_interval: {repeat}
receivers:
  - name: tocsin
    webhook_configs:
      - {{url: "{url}/api/v1/ingest/alertmanager", send_resolved: true}}
"""


class Program:
    """One of their servers that has said where it listens. `end` writes its log out, which pytest
    shows where the test failed.
    """

    def __init__(self, program: Path, folder: Path, *arguments: str) -> None:
        self.name = program.name
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    str(program),
                    "--web.listen-address=127.0.0.1:0",
                    "--log.format=logfmt",
                    *arguments,
                ],
                stdout=log,
                stderr=log,
                cwd=folder,
                env={"NO_PROXY": "*"},
            )
        try:
            self.url = wait_until(self._address, what=f"{self.name} says where it listens")
            self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
            wait_until(self._is_ready, what=f"{self.name} is ready")
        except BaseException:
            self.kill()
            sys.stdout.write(self.log())
            raise

    def log(self) -> str:
        """All that it has written."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def metric(self, name: str, **labels: str) -> float:
        """The sum of its own metric over all series that have these labels."""
        asked = [f'{label}="{value}"' for label, value in labels.items()]
        found = 0.0
        for line in self.http.get("/metrics").text.splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and all(pair in series for pair in asked):
                found += float(value)
        return found

    def kill(self) -> None:
        """As the kernel does it: at once, without a last word."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def end(self) -> None:
        """End it whatever its state."""
        self.kill()
        self.http.close()
        sys.stdout.write(f"--- {self.name} ---\n{self.log()}\n")

    def _address(self) -> str:
        assert self.process.poll() is None, f"{self.name} ended: {self.log()}"
        lines = [line for line in self.log().splitlines() if 'msg="Listening on"' in line]
        return f"http://{lines[0].rpartition('address=')[2]}" if lines else ""

    def _is_ready(self) -> bool:
        try:
            return self.http.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False


class Alertmanager(Program):
    """An Alertmanager whose one receiver is the webhook of the Tocsin at `receiver_url`."""

    def __init__(
        self,
        folder: Path,
        receiver_url: str,
        *,
        group_by: str = "alertname",
        interval: str = "200ms",
        repeat: str = "4h",
    ) -> None:
        folder.mkdir()
        config = folder / "alertmanager.yml"
        config.write_text(
            ALERTMANAGER.format(
                url=receiver_url, group_by=group_by, interval=interval, repeat=repeat
            ),
            encoding="utf-8",
        )
        super().__init__(
            require_program("alertmanager", "prometheus-alertmanager"),
            folder,
            f"--config.file={config}",
            f"--storage.path={folder / 'data'}",
            "--cluster.listen-address=",
        )

    def post(self, *alerts: Mapping[str, Any]) -> None:
        """Send alerts to its API v2."""
        answer = self.http.post("/api/v2/alerts", json=list(alerts))
        assert answer.status_code == 200, answer.text

    def fingerprints(self) -> dict[str, str]:
        """Name of each alert that it has → the fingerprint that it gave it."""
        found = self.http.get("/api/v2/alerts").json()
        return {alert["labels"]["alertname"]: alert["fingerprint"] for alert in found}


class Prometheus(Program):
    """A Prometheus that looks every 200 ms, sends firing alerts again every second, and sends them
    to `alertmanagers`. `scrapes` are URLs of its targets, as job `test`.
    """

    def __init__(
        self,
        folder: Path,
        alertmanagers: Iterable[str],
        rules: Iterable[Mapping[str, Any]],
        *,
        scrapes: Iterable[str] = (),
    ) -> None:
        folder.mkdir()
        self._rules = folder / "rules.yml"
        self._write(rules)
        config = folder / "prometheus.yml"
        targets = {"targets": [_address_of(url) for url in alertmanagers]}
        scraped = {"targets": [_address_of(url) for url in scrapes]}
        every = "200ms"
        text = {
            "global": {"evaluation_interval": every, "scrape_interval": every}
            | {"scrape_timeout": every},
            "rule_files": [str(self._rules)],
            "alerting": {"alertmanagers": [{"static_configs": [targets]}]},
            "scrape_configs": [{"job_name": "test", "static_configs": [scraped]}],
        }
        config.write_text(json.dumps(text), encoding="utf-8")
        super().__init__(
            require_program("prometheus"),
            folder,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--rules.alert.resend-delay=1s",
            "--web.enable-lifecycle",
        )

    def reload(self, rules: Iterable[Mapping[str, Any]]) -> None:
        """Go on with other rules."""
        self._write(rules)
        answer = self.http.post("/-/reload")
        assert answer.status_code == 200, answer.text

    def _write(self, rules: Iterable[Mapping[str, Any]]) -> None:
        # JSON is YAML: nothing is to be quoted by hand.
        text = {"groups": [{"name": "test", "rules": list(rules)}]}
        self._rules.write_text(json.dumps(text, ensure_ascii=False), encoding="utf-8")


def _address_of(url: str) -> str:
    return url.removeprefix("http://")
