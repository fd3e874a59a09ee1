"""The real Prometheus, with Tocsin as its Alertmanager and with a real one between: one page, and
a resolve when the rule is over, when its time is over, or when Prometheus is dead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.processes import FAST
from tests.real_parts.programs import Alertmanager, Prometheus
from tests.real_parts.site import Site
from tests.real_parts.target import METRIC, Target
from tests.wait import wait_until

Start = Callable[..., Prometheus]


@pytest.fixture
def target() -> Iterator[Target]:
    target = Target()
    yield target
    target.end()


@pytest.fixture
def patient_site(tmp_path: Path) -> Iterator[Site]:
    """A Tocsin whose incidents outlive an end that was announced and passed while it was dead."""
    site = Site(tmp_path, FAST.replace("quiet: off", "quiet: 1m"))
    yield site
    site.end()


def rule(name: str, expression: str = "vector(1)", **more: Any) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expression,
        "labels": {"severity": "critical"},
        "annotations": {"summary": "the value is {{ $value }}"},
        **more,
    }


def sent(program: Prometheus) -> float:
    """How many alerts it has sent to its Alertmanagers, with success or without."""
    return program.metric("prometheus_notifications_sent_total")


def check_never_refused(program: Prometheus) -> None:
    """Prometheus counts as an error whatever is not answered with 2xx."""
    assert sent(program) > 0
    assert program.metric("prometheus_notifications_errors_total") == 0


def test_a_rule_pages_once_each_time_and_resolves_when_it_is_over(
    site: Site, prometheus: Start, target: Target
) -> None:
    rules = [rule("DoorOpen", f"{METRIC} > 0")]
    program = prometheus([site.tocsin.url], rules, scrapes=[target.url])
    target.value = 1
    title = f"DoorOpen on {target.url.removeprefix('http://')}"
    site.page_of(title)
    before = sent(program)
    wait_until(lambda: sent(program) >= before + 2, what="it was sent again, twice")
    assert site.pages(title) == ["triggered"]
    target.value = 0
    wait_until(lambda: site.effective("resolved"), what="the resolve")
    target.value = 1
    wait_until(lambda: len(site.pages(title)) == 3, what="the page for the second time")
    assert site.pages(title) == ["triggered", "resolved", "reopened"]
    check_never_refused(program)


def test_a_rule_taken_out_is_over_at_its_announced_end(site: Site, prometheus: Start) -> None:
    program = prometheus([site.tocsin.url], [rule("Always")])
    site.page_of("Always")
    program.reload([rule("Marker")])
    site.page_of("Marker")
    wait_until(lambda: site.effective("resolved"), what="the resolve", deadline_s=40)
    assert site.pages("Always") == ["triggered", "resolved"]
    assert site.pages("Marker") == ["triggered"]
    check_never_refused(program)


def test_when_prometheus_dies_its_alerts_end(site: Site, prometheus: Start) -> None:
    program = prometheus([site.tocsin.url], [rule("Always"), rule("Other")])
    site.page_of("Always")
    site.page_of("Other")
    check_never_refused(program)
    program.kill()
    wait_until(lambda: len(site.effective("resolved")) == 2, what="both resolves", deadline_s=40)
    assert site.pages("Always") == ["triggered", "resolved"]


def test_whatever_a_rule_may_say_is_taken(site: Site, prometheus: Start) -> None:
    rules = [
        rule("Unicode", annotations={"summary": "Zürich 🚨 \u2028 אבג", "empty": ""}),
        rule("Long", annotations={"description": "x" * 100_000}),
        rule("Bare", labels={}, annotations={}),
        rule("NotANumber", "vector(NaN) != 1"),
        rule("ManyLabels", labels={f"label_{n}": "v" * 200 for n in range(120)}),
        rule("OddSeverity", labels={"severity": "P0 — page everybody"}),
        *[rule(f"Bulk{n:03d}") for n in range(200)],
    ]
    program = prometheus([site.tocsin.url], rules)
    wait_until(lambda: len(site.effective()) >= len(rules), what="a page for each", deadline_s=60)
    assert sorted(site.effective()) == sorted(each["alert"] for each in rules)
    check_never_refused(program)


def test_prometheus_through_alertmanager_pages_once(
    site: Site,
    prometheus: Start,
    alertmanager: Callable[..., Alertmanager],
    target: Target,
) -> None:
    between = alertmanager(site.tocsin.url, repeat="1s")
    rules = [rule("DoorOpen", f"{METRIC} > 0")]
    program = prometheus([between.url], rules, scrapes=[target.url])
    target.value = 1
    title = f"DoorOpen on {target.url.removeprefix('http://')}"
    (shown,) = site.page_of(title)["payload"]["custom_details"]["alerts"]
    assert shown["fingerprint"] == between.fingerprints()["DoorOpen"]
    target.value = 0
    wait_until(lambda: site.effective("resolved"), what="the resolve")
    assert site.pages(title) == ["triggered", "resolved"]
    check_never_refused(program)
    assert between.metric("alertmanager_notifications_failed_total", integration="webhook") == 0


def test_the_same_alert_straight_and_through_alertmanager_is_one_page(
    site: Site, prometheus: Start, alertmanager: Callable[..., Alertmanager]
) -> None:
    between = alertmanager(site.tocsin.url)
    program = prometheus([site.tocsin.url, between.url], [rule("Always")])
    site.page_of("Always")
    wait_until(
        lambda: between.metric("alertmanager_notifications_total", integration="webhook"),
        what="Alertmanager sent it too",
    )
    program.reload([rule("Always"), rule("Marker")])
    site.page_of("Marker")
    assert sorted(site.effective()) == ["Always", "Marker"]
    check_never_refused(program)


def test_a_kill_while_prometheus_repeats_pages_nobody_twice(
    patient_site: Site, prometheus: Start
) -> None:
    site = patient_site
    program = prometheus([site.tocsin.url], [rule("Always"), rule("Other")])
    site.page_of("Always")
    site.page_of("Other")
    for _ in range(3):
        site.tocsin.kill()
        site.restart()
    before = sent(program) - program.metric("prometheus_notifications_errors_total")
    wait_until(
        lambda: (
            sent(program) - program.metric("prometheus_notifications_errors_total") >= before + 4
        ),
        what="each was sent again twice",
    )
    program.reload([rule("Always"), rule("Other"), rule("Marker")])
    site.page_of("Marker")
    assert sorted(site.effective()) == ["Always", "Marker", "Other"]
    assert site.effective("reopened") == []
