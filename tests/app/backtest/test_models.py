"""Another model in the place of one: what it holds back, and what without it would be told."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.app.backtest.models import choose
from pipeline.domain.errors import UsageError
from pipeline.topology.declared import Topology
from tests.app.backtest.test_changes import other_rules
from tests.app.backtest.trying import backtest, line
from tests.stories.player import Player

STORY: dict[str, Any] = {
    "topology": {
        "receivers": {"on-call": {"sink": "pagerduty", "routing_key": "env:KEY"}},
        "routes": {
            "receiver": "on-call",
            "routes": [{"match": ['taught="yes"'], "receiver": "none"}],
        },
        "correlate": {"dependency": {"same": ["instance"]}},
        "pause": {"severities": ["warning"], "risk": 0.01, "longest": "10m"},
    }
}
PROBE = {"name": "ProbeFlaky", "service": "probe", "severity": "warning"}
SHOP = {"name": "CheckoutSlow", "service": "shop", "severity": "warning"}
MODEL = "incidents@default"


def taught(count: int) -> dict[str, Any]:
    return {
        "count": count,
        "ends": "3m",
        "of": [
            {"alert": {**PROBE, "labels": {"taught": "yes"}}, "command": {"kind": "not-useful"}},
            {
                "alert": {**SHOP, "labels": {"taught": "yes"}},
                "command": {"kind": "reassign", "assignee": "web"},
            },
        ],
    }


class Learned:
    """A model that knows the probe, and then an hour in which it flapped once more."""

    def __init__(self) -> None:
        self.player = Player(STORY)
        for count in (600, 300):
            self.player.do_days(taught(count))
            self.player.do_wait("6h")
        self.from_ms = self.player.driver.now_ms
        self.player.do_alert({**PROBE, "instance": "held"})
        self.player.do_alert({**SHOP, "instance": "real"})
        self.player.do_wait("1m")
        self.player.do_alert({**PROBE, "instance": "held", "status": "resolved"})
        self.player.do_wait("1h")

    def found(self, name: str, other: Topology | None = None) -> list[str]:
        """What a backtest of that hour finds with a model."""
        driver, topology = self.player.driver, self.player.topology
        choice = choose(name, driver.host.log) if name else None
        tried = other or topology
        report = backtest(driver, topology, tried, from_ms=self.from_ms, choice=choice)
        return [line(each) for each in report.differences]


@pytest.fixture(scope="module")
def learned() -> Learned:
    return Learned()


def test_without_a_model_what_was_held_back_is_told(learned: Learned) -> None:
    assert learned.found("rules") == ["added: ProbeFlaky on probe"]


def test_the_model_that_decided_differs_in_nothing(learned: Learned) -> None:
    assert learned.found(MODEL) == []


def test_a_version_of_before_knows_less(learned: Learned) -> None:
    """The first snapshot was made before enough had turned out to hold anything back."""
    rows = [r for r in learned.player.driver.read("models") if r is not None and r.heads]
    versions = [head.version for head in rows[-1].heads]
    assert len(versions) == 2
    assert learned.found(versions[0]) == []
    assert learned.found(versions[1]) == ["added: ProbeFlaky on probe"]
    choice = choose(versions[1], learned.player.driver.host.log)
    assert 0 < choice.learned_until_ms < learned.from_ms


def test_rules_that_pause_nothing_tell_it_too(learned: Learned) -> None:
    other = other_rules(STORY, {"pause": {"severities": []}})
    assert learned.found("", other) == ["added: ProbeFlaky on probe"]


def test_what_is_not_there_is_named_with_what_is(learned: Learned) -> None:
    with pytest.raises(UsageError, match=f"{MODEL}~shadow.*there are {MODEL}, .*rules"):
        choose(f"{MODEL}~shadow", learned.player.driver.host.log)
