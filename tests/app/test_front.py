"""Faust's own commands show our agents and tables, and its worker runs them: `-A pipeline.app`."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.kafka import Broker
from tests.real import ROOT

FAUST = [sys.executable, "-m", "faust", "-A", "pipeline.app"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "topology.yaml").write_text(
        "version: 1\n"
        "receivers: {on-call: {sink: pagerduty, routing_key: env:ROUTING_KEY}}\n"
        "routes: {receiver: on-call}\n",
        encoding="utf-8",
    )
    return {
        **os.environ,
        "TOCSIN_CONFIG": str(tmp_path / "topology.yaml"),
        "TOCSIN_DATA": str(tmp_path / "data"),
        "ROUTING_KEY": "r" * 32,
        "COLUMNS": "200",
        "PYTHONPATH": str(ROOT),
    }


def said(environment: dict[str, str], *words: str) -> tuple[int, str]:
    """The exit code and all that was said, in a working directory that has to stay empty."""
    with TemporaryDirectory() as elsewhere:
        done = subprocess.run(
            [*FAUST, *words],
            env=environment,
            cwd=elsewhere,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert list(Path(elsewhere).iterdir()) == [], "nothing is left where it was called"
    return done.returncode, done.stdout + done.stderr


def test_agents_are_shown_with_their_topics_and_stages(environment: dict[str, str]) -> None:
    code, text = said(environment, "agents")
    assert code == 0
    for name in ("@intake", "@decide", "@deliver", "@announce"):
        assert name in text
    assert "alerts, commands, receipts" in text
    assert "correlate" in text


def test_tables_are_shown_with_their_owners(environment: dict[str, str]) -> None:
    code, text = said(environment, "tables")
    assert code == 0
    assert "outbox" in text
    assert "incidents" in text
    assert "send in deliver owns it" in text


def test_a_worker_without_a_cluster_says_what_to_set(environment: dict[str, str]) -> None:
    environment.pop("TOCSIN_KAFKA_BOOTSTRAP", None)
    code, text = said(environment, "worker")
    assert code != 0
    assert "TOCSIN_KAFKA_BOOTSTRAP" in text


def test_a_worker_refuses_rules_that_were_not_applied(
    environment: dict[str, str], broker: Broker
) -> None:
    environment["TOCSIN_KAFKA_BOOTSTRAP"] = broker.bootstrap
    path = Path(environment["TOCSIN_CONFIG"])
    path.write_text(path.read_text("utf-8") + f"app: {broker.new_name('front')}\n", "utf-8")
    code, text = said(environment, "worker")
    assert code != 0
    assert "tocsin topology apply" in text
