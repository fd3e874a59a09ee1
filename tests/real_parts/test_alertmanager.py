"""The real Alertmanager pages through its webhook: once, with its own fingerprints, until over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.crash.processes import FAST
from tests.real_parts.programs import Alertmanager
from tests.real_parts.site import Site
from tests.wait import wait_until

Start = Callable[..., Alertmanager]


@pytest.fixture
def narrow_site(tmp_path: Path) -> Iterator[Site]:
    """A Tocsin that takes at most 50 alerts at a time."""
    site = Site(tmp_path, FAST + "ingest: {members_max: 50}\n")
    yield site
    site.end()


def alert(name: str, **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, "severity": "critical", **labels},
        "annotations": {"summary": f"{name} is on"},
        "generatorURL": "http://prometheus.example/graph",
    }


def over(firing: dict[str, Any]) -> dict[str, Any]:
    """The same alert, ended just now."""
    return firing | {"endsAt": datetime.now(UTC).isoformat()}


def check_never_refused(program: Alertmanager) -> None:
    """What it really sends is never answered with a 4xx, which it would drop."""
    assert "status code 4" not in program.log()


def check_nothing_else(site: Site, program: Alertmanager, titles: list[str]) -> None:
    """A later alert has come through the same way, and these were all the pages until then."""
    program.post(alert("Marker"))
    site.page_of("Marker")
    assert sorted(site.effective()) == sorted([*titles, "Marker"])
    assert site.effective("reopened") == []


def test_one_alert_is_one_page_and_one_resolve(site: Site, alertmanager: Start) -> None:
    program = alertmanager(site.tocsin.url)
    disk = alert("DiskFull", instance="db-1")
    for _ in range(3):
        program.post(disk)
    site.page_of("DiskFull on db-1")
    program.post(over(disk))
    wait_until(lambda: site.effective("resolved"), what="the resolve")
    assert site.pages("DiskFull on db-1") == ["triggered", "resolved"]
    check_nothing_else(site, program, ["DiskFull on db-1"])
    assert program.metric("alertmanager_notifications_failed_total", integration="webhook") == 0
    check_never_refused(program)


def test_fingerprints_are_those_of_alertmanager(site: Site, alertmanager: Start) -> None:
    program = alertmanager(site.tocsin.url)
    alerts = [
        alert("Plain"),
        alert("Unicode", city="Zürich 🚨", owner="אבג"),
        alert("Quoted", path='C:\\x "y"\nz', comma="a,b"),
        alert("Many", **{f"label_{n}": "x" * n for n in range(1, 40)}),
    ]
    program.post(*alerts)
    for each in alerts:
        name = each["labels"]["alertname"]
        (shown,) = site.page_of(name)["payload"]["custom_details"]["alerts"]
        assert shown["fingerprint"] == program.fingerprints()[name]
    check_never_refused(program)


def test_a_group_of_many_alerts_pages_for_each_once(site: Site, alertmanager: Start) -> None:
    program = alertmanager(site.tocsin.url, group_by="severity")
    names = [f"Many{n:03d}" for n in range(300)]
    program.post(*[alert(name) for name in names])
    wait_until(lambda: len(site.effective()) == 300, what="300 pages", deadline_s=60)
    program.post(*[over(alert(name)) for name in names])
    wait_until(lambda: len(site.effective("resolved")) == 300, what="resolves", deadline_s=60)
    assert sorted(site.effective()) == names
    assert sorted(site.effective("resolved")) == names
    check_never_refused(program)


def test_it_retries_while_tocsin_is_dead(site: Site, alertmanager: Start) -> None:
    program = alertmanager(site.tocsin.url)
    site.tocsin.kill()
    program.post(alert("WhileDead"))
    wait_until(lambda: "connection refused" in program.log(), what="it was tried")
    site.restart()
    site.page_of("WhileDead")
    check_nothing_else(site, program, ["WhileDead"])
    check_never_refused(program)


def test_it_repeats_what_it_sent_before_a_kill(site: Site, alertmanager: Start) -> None:
    program = alertmanager(site.tocsin.url, repeat="1s")
    names = [f"Before{n}" for n in range(5)]
    program.post(*[alert(name) for name in names])
    wait_until(lambda: len(site.effective()) == 5, what="five pages")
    sent = program.metric("alertmanager_notifications_total", integration="webhook")
    site.tocsin.kill()
    site.restart()
    failed = program.metric("alertmanager_notifications_failed_total", integration="webhook")
    wait_until(
        lambda: (
            program.metric("alertmanager_notifications_total", integration="webhook")
            >= sent + failed + 10
        ),
        what="each was sent again twice",
    )
    check_nothing_else(site, program, names)
    check_never_refused(program)


def test_two_that_do_not_know_each_other_page_once(site: Site, alertmanager: Start) -> None:
    pair = [alertmanager(site.tocsin.url), alertmanager(site.tocsin.url)]
    both = alert("Both", instance="db-1") | {"startsAt": "2026-01-01T00:00:00Z"}
    for program in pair:
        program.post(both)
    for program in pair:
        wait_until(
            lambda one=program: one.metric(  # type: ignore[misc]
                "alertmanager_notifications_total", integration="webhook"
            ),
            what="each of them sent it",
        )
    site.page_of("Both on db-1")
    for program in pair:
        program.post(over(both))
    wait_until(lambda: site.effective("resolved"), what="the resolve")
    check_nothing_else(site, pair[0], ["Both on db-1"])
    assert site.pages("Both on db-1") == ["triggered", "resolved"]
    for program in pair:
        check_never_refused(program)


def test_a_group_over_the_limit_is_asked_for_again_and_somebody_is_told(
    narrow_site: Site, alertmanager: Start
) -> None:
    program = alertmanager(narrow_site.tocsin.url, group_by="severity")
    program.post(*[alert(f"Many{n:03d}") for n in range(60)])
    page = narrow_site.page_of("TocsinRefusedAlerts on tocsin")
    assert "503" in page["payload"]["custom_details"]["description"]
    wait_until(lambda: "status code 503" in program.log(), what="it was told to come back")
    check_never_refused(program)
