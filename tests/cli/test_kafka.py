"""`tocsin kafka` as people use it: start in one terminal, ask and stop in another."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.simulate.kafka.place import look
from tests.cli.tocsin import PLAIN, Done, tocsin
from tests.kafka import require_kafka
from tests.real import ROOT
from tests.simulate.kafka.records import make_topic, read, write
from tests.wait import wait_until

SAYS = "export TOCSIN_KAFKA_BOOTSTRAP="


@contextmanager
def started(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`tocsin kafka start` that has said where Kafka is, and that address."""
    require_kafka()
    out, err = folder / "out", folder / "err"
    with out.open("wb") as to_out, err.open("wb") as to_err:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "kafka", "start", "--port", "0"],
            stdout=to_out,
            stderr=to_err,
            env={**os.environ, **PLAIN, "PYTHONPATH": str(ROOT), "TOCSIN_DATA": str(folder)},
        )

    def address() -> str:
        assert process.poll() is None, err.read_text()
        said = out.read_text()
        return said.strip().removeprefix(SAYS) if said.endswith("\n") else ""

    try:
        yield process, wait_until(address, what="Kafka is ready", deadline_s=90)
    finally:
        process.terminate()
        process.wait(60)


def call(folder: Path, *arguments: str) -> Done:
    return tocsin("kafka", *arguments, environment={"TOCSIN_DATA": str(folder)})


def is_gone(pid: int) -> bool:
    # A process that ended and was not waited for by anybody yet is gone too.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"


def test_what_it_holds_outlives_it_on_other_ports(tmp_path: Path) -> None:
    with started(tmp_path) as (process, bootstrap):
        make_topic(bootstrap, "kept")
        write(bootstrap, "kept", b"before")
        assert call(tmp_path, "status").out == f"{SAYS}{bootstrap}\n"
        assert call(tmp_path, "status", "--json").json["is_answering"] is True
        second = call(tmp_path, "start", "--port", "0")
        assert second.code == 1
        assert "runs already" in second.err
        assert call(tmp_path, "stop").out == "Kafka has stopped\n"
        assert process.wait(60) == 0
    assert call(tmp_path, "status").code == 1
    assert call(tmp_path, "stop", "--json").json == {"was_running": False}
    with started(tmp_path) as (process, bootstrap):
        write(bootstrap, "kept", b"after")
        assert read(bootstrap, "kept", 2) == [b"before", b"after"]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert look(tmp_path / "kafka") is None


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the system has no /proc to look at")
def test_kafka_does_not_outlive_whoever_started_it(tmp_path: Path) -> None:
    with started(tmp_path) as (process, _):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert children
        process.kill()
        process.wait(60)
        wait_until(lambda: all(is_gone(int(child)) for child in children), what="its processes end")
    assert call(tmp_path, "status").code == 1


def test_what_is_fetched_is_there_for_the_next(tmp_path: Path) -> None:
    require_kafka()
    fetched = call(tmp_path, "fetch", "--json").json
    assert list(Path(fetched["jars"]).glob("kafka-clients-4.*.jar"))
    # Without Maven, hence without a network: only Java is on the path.
    (tmp_path / "java").symlink_to(fetched["java"])
    done = tocsin("kafka", "fetch", environment={"PATH": str(tmp_path), "JAVA_HOME": ""})
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{tmp_path / 'java'} and {fetched['jars']}\n"


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = call(tmp_path, "start", "--port", str(port))
    assert done.code == 1
    assert f"127.0.0.1:{port} is in use" in done.err


@pytest.mark.parametrize(
    ("programs", "lacking"),
    [
        ({}, "Kafka needs Java, and there is none on PATH: install Java 17 or newer"),
        ({"java": 'echo openjdk version \\"11.0.2\\" >&2'}, "is version 11: install Java 17"),
        ({"java": "exit 1"}, "is no Java that starts"),
        ({"java": 'echo openjdk version \\"21.0.1\\" >&2'}, "there is no mvn on PATH: install it"),
        (
            {"java": 'echo openjdk version \\"21.0.1\\" >&2', "mvn": "echo no network; exit 1"},
            "Maven could not fetch Kafka's jars: no network",
        ),
    ],
)
def test_what_is_lacking_is_named(tmp_path: Path, programs: dict[str, str], lacking: str) -> None:
    shell = shutil.which("sh")
    for name, body in programs.items():
        (tmp_path / name).write_text(f"#!{shell}\n{body}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment |= {"TOCSIN_DATA": str(tmp_path), "JAVA_HOME": ""}
    for command in (("start", "--port", "0"), ("fetch",)):
        done = tocsin("kafka", *command, environment=environment)
        assert done.code == 1
        assert lacking in done.err
    assert not list(tmp_path.glob("cache/tocsin/kafka-*"))
