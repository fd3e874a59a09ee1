"""`tocsin worker` starts itself again, but not when it was called wrongly."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real import ROOT
from tests.wait import wait_until

TOCSIN = [sys.executable, "-m", "pipeline", "worker"]
CLOSED = "127.0.0.1:1"
"""Where nothing listens: port 1 needs root, and nobody's Kafka is there."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    config = tmp_path / "topology.yaml"
    config.write_text(
        "version: 1\n"
        "receivers: {on-call: {sink: pagerduty, routing_key: env:ROUTING_KEY}}\n"
        "routes: {receiver: on-call}\n",
        encoding="utf-8",
    )
    return {
        **os.environ,
        "TOCSIN_CONFIG": str(config),
        "TOCSIN_DATA": str(tmp_path / "data"),
        "ROUTING_KEY": "r" * 32,
        "TOCSIN_KAFKA_BOOTSTRAP": CLOSED,
    }


def test_without_a_cluster_it_says_what_to_set_and_is_not_started_again(
    environment: dict[str, str],
) -> None:
    del environment["TOCSIN_KAFKA_BOOTSTRAP"]
    done = subprocess.run(
        TOCSIN, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("TOCSIN_KAFKA_BOOTSTRAP") == 1


def test_a_worker_that_ends_is_started_again_until_it_is_stopped(
    environment: dict[str, str], tmp_path: Path
) -> None:
    said = tmp_path / "said"
    with said.open("wb") as out:
        worker = subprocess.Popen(TOCSIN, env=environment, cwd=ROOT, stderr=out)
        try:
            wait_until(
                lambda: said.read_text("utf-8").count("is started again") >= 2,
                what="two starts have failed",
                deadline_s=120,
            )
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) is not None
        finally:
            worker.kill()
    assert said.read_text("utf-8").count(CLOSED) >= 2, "each start says what is in the way"


def is_alive(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text("ascii")
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="it looks for the child in /proc")
def test_a_worker_does_not_outlive_its_supervisor(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        environment["TOCSIN_KAFKA_BOOTSTRAP"] = f"127.0.0.1:{silent.getsockname()[1]}"
        with subprocess.Popen(TOCSIN, env=environment, cwd=ROOT) as supervisor:
            talk, _ = silent.accept()
            children = Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children")
            child = int(children.read_text("ascii").split()[0])
            supervisor.kill()
        assert wait_until(lambda: not is_alive(child), what="the worker has ended", deadline_s=30)
        talk.close()
