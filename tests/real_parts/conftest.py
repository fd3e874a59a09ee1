"""A Tocsin with its simulator, and programs that are ended with their logs on show."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real_parts.programs import Alertmanager, Program, Prometheus
from tests.real_parts.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.end()
    sys.stdout.write("\n".join(["--- tocsin ---", *site.tocsin.lines, ""]))


@pytest.fixture
def started() -> Iterator[list[Program]]:
    """Programs to be ended with the test."""
    programs: list[Program] = []
    yield programs
    for program in programs:
        program.end()


@pytest.fixture
def alertmanager(tmp_path: Path, started: list[Program]) -> Callable[..., Alertmanager]:
    """Starts an Alertmanager, as its class does, in a folder of its own."""

    def start(receiver_url: str, **options: str) -> Alertmanager:
        program = Alertmanager(tmp_path / f"alertmanager{len(started)}", receiver_url, **options)
        started.append(program)
        return program

    return start


@pytest.fixture
def prometheus(tmp_path: Path, started: list[Program]) -> Callable[..., Prometheus]:
    """Starts a Prometheus, as its class does, in a folder of its own."""

    def start(alertmanagers: list[str], rules: object, **options: object) -> Prometheus:
        folder = tmp_path / f"prometheus{len(started)}"
        program = Prometheus(folder, alertmanagers, rules, **options)  # type: ignore[arg-type]
        started.append(program)
        return program

    return start
