"""The Watchdog of a real Prometheus: while it comes nobody is paged, when it stops somebody is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.processes import FAST
from tests.real_parts.programs import Prometheus
from tests.real_parts.site import Site
from tests.wait import wait_until

WITHIN_S = 8
RULES = [{"alert": "Watchdog", "expr": "vector(1)", "labels": {"severity": "none"}}]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A Tocsin that expects a Watchdog."""
    beat = f"{{name: PrometheusIsGone, match: ['alertname=\"Watchdog\"'], within: {WITHIN_S}s}}"
    site = Site(tmp_path, FAST + f"observe: {{heartbeats: [{beat}]}}\n")
    yield site
    site.end()


def test_a_watchdog_that_stops_pages_until_it_is_back(
    site: Site, prometheus: Callable[..., Prometheus]
) -> None:
    program = prometheus([site.tocsin.url], RULES)
    wait_until(
        lambda: program.metric("prometheus_notifications_sent_total") >= 2 * WITHIN_S,
        what="beats for longer than one may stay away",
        deadline_s=60,
    )
    assert site.calls() == []
    assert program.metric("prometheus_notifications_errors_total") == 0
    program.kill()
    site.page_of("PrometheusIsGone")
    prometheus([site.tocsin.url], RULES)
    wait_until(lambda: site.effective("resolved"), what="the resolve")
    assert site.pages("PrometheusIsGone") == ["triggered", "resolved"]
    assert site.effective() == ["PrometheusIsGone"]
