"""The examples of producers and consumers do what they say, in Python and in Go."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.examples.site import Site, headers_of
from tests.real import ROOT

EXAMPLES = ROOT / "infra" / "examples"
BUILD_WITHIN_S = 900.0
RUN_WITHIN_S = 120.0


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """What a program wrote; the test fails where it did."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=RUN_WITHIN_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def python(site: Site, name: str, *arguments: str) -> str:
    program = EXAMPLES / f"{name}.py"
    return run(sys.executable, program, "--bootstrap", site.bootstrap, *arguments)


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example in Go, built; skipped where its modules can be had from nowhere."""
    program = shutil.which("go")
    if program is None:
        pytest.skip("go is not installed: the example in Go is not built")
    built = tmp_path_factory.mktemp("go") / "stream"
    done = subprocess.run(
        [program, "build", "-o", built, "."],
        cwd=EXAMPLES / "go",
        env={**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"},
        capture_output=True,
        text=True,
        timeout=BUILD_WITHIN_S,
        check=False,
    )
    if "dial tcp" in done.stderr:
        pytest.skip("the example's Go modules cannot be fetched from here")
    assert done.returncode == 0, done.stderr
    return built


def values_of(lines: str, wanted: str) -> list[dict[str, Any]]:
    """The values of this name in what a consumer wrote."""
    rows: Sequence[dict[str, Any]] = [json.loads(line) for line in lines.splitlines()]
    return [row["value"] for row in rows if wanted in str(row["value"].get("name", ""))]


@pytest.mark.parametrize("framing", [(), ("--avro",)])
def test_an_alert_written_in_python_is_read_in_python(site: Site, framing: tuple[str, ...]) -> None:
    name = f"A{uuid4().hex[:12]}"
    options = (name, "--service", "db", "--tenant", "red", *framing)
    place = python(site, "produce", *options).strip()
    python(site, "produce", *options, "--status", "resolved")
    site.wait_for("alerts", lambda one: one["name"] == name, 2)
    alerts = values_of(python(site, "consume", "alerts", "--until-end"), name)
    assert [(one["status"], one["service"]) for one in alerts] == [
        ("firing", "db"),
        ("resolved", "db"),
    ]
    assert len({one["fingerprint"] for one in alerts}) == 1
    (first, _) = [one for one in site.read("alerts") if name.encode() in (one.value() or b"")]
    assert headers_of(first)["origin"].decode() == f"{place}:0"
    assert headers_of(first)["tenant"] == b"red"


def test_a_group_goes_on_where_it_stopped(site: Site) -> None:
    name, group = f"A{uuid4().hex[:12]}", f"g-{uuid4().hex[:8]}"
    site.send(json.dumps({"name": name, "status": "firing"}).encode())
    site.wait_for("alerts", lambda one: one["name"] == name)
    consume = ("consume", "alerts", "--until-end", "--group", group)
    assert len(values_of(python(site, *consume), name)) == 1
    assert values_of(python(site, *consume), name) == []


def test_what_is_committed_is_read_in_go(site: Site, go: Path) -> None:
    name = f"A{uuid4().hex[:12]}"
    site.send(json.dumps({"name": name, "status": "firing", "value": 0.5}).encode())
    site.wait_for("alerts", lambda one: one["name"] == name)
    (alert,) = values_of(run(go, "consume", site.bootstrap, "alerts", cwd=EXAMPLES / "go"), name)
    assert (alert["status"], alert["value"], alert["threshold"]) == ("firing", 0.5, None)


def test_an_alert_written_in_go_becomes_an_alert(site: Site, go: Path) -> None:
    name = f"A{uuid4().hex[:12]}"
    place = run(go, "produce", site.bootstrap, name).strip()
    (alert,) = site.wait_for("alerts", lambda one: one["name"] == name)
    assert alert["alert_id"] == f"o-{place}:0"
    assert alert["source"] == "go-example"
