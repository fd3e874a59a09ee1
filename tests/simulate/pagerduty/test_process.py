"""The simulator as a process: the ready line, clean ends, and a log that outlives a kill -9."""

import json
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pipeline.simulate.pagerduty.server import parse_listen
from tests.simulate.pagerduty.events import event

PROGRAM = """
import sys
from pathlib import Path
from pipeline.simulate.pagerduty import serve
serve("127.0.0.1:0", tls=sys.argv[1] == "tls", log=Path(sys.argv[2]))
"""


@contextmanager
def running(log: Path, tls: str = "plain") -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, tls, str(log)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith("ready "):
            break
    try:
        yield process, lines
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_when_it_is_ready_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path / "log") as (process, lines):
        url = lines[-1].removeprefix("ready ")
        with httpx.Client(base_url=url, trust_env=False) as client:
            assert client.post("/v2/enqueue", json=event()).status_code == 202
            process.send_signal(number)
            assert process.wait(timeout=10) == 0


def test_the_log_outlives_a_kill_and_is_continued(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for _ in range(2):
        with running(log) as (process, lines):
            url = lines[-1].removeprefix("ready ")
            httpx.post(f"{url}/v2/enqueue", json=event(), trust_env=False)
            process.send_signal(signal.SIGKILL)
            process.wait()
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(call["seq"], call["effect"]) for call in calls] == [(1, "triggered")] * 2


def test_with_tls_it_says_what_to_trust(tmp_path: Path) -> None:
    with running(tmp_path / "log", "tls") as (process, lines):
        assert lines[0].startswith("ca ")
        assert lines[1].startswith("ready https://127.0.0.1:")
        ca_file = Path(lines[0].removeprefix("ca "))
        assert ca_file.read_text().startswith("-----BEGIN CERTIFICATE-----")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert not ca_file.exists()


@pytest.mark.parametrize("tls", ["plain", "tls"])
def test_faults_break_connections_on_the_loop_of_the_process_too(tmp_path: Path, tls: str) -> None:
    with running(tmp_path / "log", tls) as (process, lines):
        verify: ssl.SSLContext | bool = True
        if tls == "tls":
            verify = ssl.create_default_context(cafile=lines[0].removeprefix("ca "))
        url = lines[-1].removeprefix("ready ")
        with httpx.Client(base_url=url, verify=verify, trust_env=False) as client:
            plan = [{"kind": kind, "count": 1} for kind in ("reset_after_accept", "down")]
            client.post("/_sim/faults", json={"faults": [*plan, {"kind": "hang_after_accept"}]})
            for _ in range(2):
                # Under TLS some versions of Python's ssl show a reset as an end of file.
                with pytest.raises(httpx.TransportError):
                    client.post("/v2/enqueue", json=event())
            with pytest.raises(httpx.ReadTimeout):
                client.post("/v2/enqueue", json=event(), timeout=0.5)
            calls = client.get("/_sim/events").json()["events"]
            assert [call["effect"] for call in calls] == ["triggered", "lost", "appended"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_listen_is_host_and_port() -> None:
    assert parse_listen("127.0.0.1:0") == ("127.0.0.1", 0)
    assert parse_listen("[::1]:0") == ("::1", 0)
    for wrong in ("9000", ":9000", "localhost", "localhost:x", f"localhost:{2**16}"):
        with pytest.raises(ValueError, match="HOST:PORT"):
            parse_listen(wrong)
