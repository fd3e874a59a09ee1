"""Crash only means that a process ends: one that stays, idle, is worse than one that is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.crash.kafka.paging import Paging
from tests.crash.processes import ROUTING_KEY
from tests.hosts.faust.topics import set_config
from tests.kafka import require_kafka
from tests.real import ROOT
from tests.wait import wait_until

ENDED_S = 60.0
TOO_SMALL = "120"
"""Bytes: less than any record of `alerts`, more than the end of a transaction needs."""


def test_a_worker_whose_topic_refuses_a_record_ends_and_names_the_topic(tmp_path: Path) -> None:
    require_kafka()
    said = tmp_path / "worker.log"
    with Paging(tmp_path) as paging, said.open("wb") as log:
        worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "pipeline", "worker", "--once"),
                *("--data", str(tmp_path / "data"), "--config", str(paging.config)),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={
                **os.environ,
                "TOCSIN_KAFKA_BOOTSTRAP": paging.node.bootstrap,
                "TOCSIN_PAGERDUTY_EVENTS_URL": paging.url,
                "PAGERDUTY_ROUTING_KEY": ROUTING_KEY,
            },
        )
        try:
            wait_until(
                lambda: "ready" in said.read_text(encoding="utf-8").splitlines(),
                what="the worker is ready",
                deadline_s=120,
            )
            set_config(paging.node.bootstrap, "alerts", "max.message.bytes", TOO_SMALL)
            paging.alerts(["A"])
            assert worker.wait(ENDED_S) == 1
        finally:
            worker.kill()
            worker.wait()
    assert "alerts: MESSAGE_TOO_LARGE" in said.read_text(encoding="utf-8")
