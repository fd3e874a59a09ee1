"""The real amtool against Tocsin's /api/v2, as far as that goes: alerts in, and the status."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.crash.processes import FAST
from tests.real import require_program
from tests.real_parts.site import Site
from tests.wait import wait_until


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A Tocsin where an alert of which nobody says the end is over after 2 s."""
    site = Site(tmp_path, FAST + "ingest: {resolve_timeout: 2s}\n")
    yield site
    site.end()


def amtool(site: Site, *arguments: str) -> str:
    """What it prints; it must succeed."""
    done = subprocess.run(
        [require_program("amtool"), f"--alertmanager.url={site.tocsin.url}", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env={"NO_PROXY": "*", "HOME": str(site.data)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_alert_without_an_end_is_over_after_the_resolve_timeout(site: Site) -> None:
    amtool(site, "alert", "add", "ByHand", "severity=critical", "instance=db-1")
    site.page_of("ByHand on db-1")
    wait_until(lambda: site.effective("resolved"), what="the resolve")
    assert site.pages("ByHand on db-1") == ["triggered", "resolved"]


def test_an_alert_ends_when_it_is_added_with_an_end(site: Site) -> None:
    labels = ("ByHand", "severity=critical", "instance=db-1")
    late = "2099-01-01T00:00:00Z"
    amtool(site, "alert", "add", *labels, f"--end={late}", "--annotation=summary=by hand")
    page = site.page_of("ByHand on db-1")
    assert page["payload"]["custom_details"]["annotations"]["summary"] == "by hand"
    amtool(site, "alert", "add", *labels, f"--end={datetime.now(UTC).isoformat()}")
    wait_until(lambda: site.effective("resolved"), what="the resolve")
    assert site.pages("ByHand on db-1") == ["triggered", "resolved"]


def test_it_shows_the_status(site: Site) -> None:
    assert "disabled" in amtool(site, "cluster", "show")
    amtool(site, "config", "show")
