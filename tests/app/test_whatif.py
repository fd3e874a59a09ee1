"""What if: other rules over the same recorded hour, and nothing else."""

from __future__ import annotations

import json

from pipeline.app.whatif import difference, pages
from pipeline.domain.secret import Secret
from pipeline.domain.silence import Silence
from pipeline.topology.declared import Topology
from pipeline.topology.load import load
from tests.stories.player import Player

RECEIVERS = 'receivers: {on-call: {sink: pagerduty, routing_key: "env:KEY"}}\n'
NOW = RECEIVERS + "routes: {receiver: on-call}\n"
QUIETER = RECEIVERS + (
    "routes: {receiver: on-call, routes: [{match: ['severity=\"warning\"'], receiver: none}]}\n"
)


def topology(text: str) -> Topology:
    return load(text, "t", lambda _: Secret("k" * 32))


def recorded() -> Player:
    """An hour of ten alerts, a minute apart, every other one a warning."""
    player = Player({})
    for n in range(10):
        severity = "warning" if n % 2 else "critical"
        player.do_alert({"name": f"A{n}", "service": f"s{n}", "severity": severity})
        player.do_wait("1m")
    return player


def test_the_same_rules_make_the_same_pages() -> None:
    player = recorded()
    start = player.driver.now_ms - 600_000
    before = pages(player.driver.host.log, topology(NOW), start, player.driver.now_ms)
    assert [page.title for page in before] == [f"A{n} on s{n}" for n in range(10)]
    assert [page.at_ms - start for page in before] == [60_000 * n for n in range(10)]
    found = difference(before, before)
    assert (found.same, found.saved, found.added, found.moved) == (10, (), (), ())


def test_quieter_rules_save_the_pages_of_warnings_and_add_none() -> None:
    player = recorded()
    log, end = player.driver.host.log, player.driver.now_ms
    start = end - 600_000
    found = difference(
        pages(log, topology(NOW), start, end), pages(log, topology(QUIETER), start, end)
    )
    assert [page.title for page in found.saved] == [f"A{n} on s{n}" for n in (1, 3, 5, 7, 9)]
    assert (found.same, found.added) == (5, ())


def test_a_silence_from_before_the_range_still_holds() -> None:
    player = Player({})
    silence = Silence(
        silence_id="s",
        tenant="default",
        matchers=('service="web"',),
        starts_at_ms=player.driver.now_ms,
        ends_at_ms=player.driver.now_ms + 10**9,
        created_by="ann",
    )
    player.driver.send("silences", "s", silence)
    player.do_wait("1d")
    start = player.driver.now_ms
    body = json.dumps({"name": "A", "status": "firing", "service": "web"}).encode()
    player.driver.send("raw-alerts", "", body, {"format": "native"})
    assert pages(player.driver.host.log, topology(NOW), start, player.driver.now_ms) == []
