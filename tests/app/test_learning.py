"""From what people do to who is told: 500 reassignments make a model, and it judges the next one.

The whole stream on the embedded host with the product's own kind of model; and the same past
again, epoch by epoch, with the digests that it had.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.codec import encode
from pipeline.domain.command import Command
from pipeline.domain.incident import Incident
from pipeline.domain.outcome import HEAD, ModelRecord
from pipeline.domain.store import Output
from pipeline.stages.fit.stage import FIRST
from pipeline.stages.fit.tables import MODELS
from tests.laws.replay import check_replay
from tests.stories.player import INSTALLATION, Play, Player

STORY: Mapping[str, Any] = {
    "topology": {"routes": {"receiver": "none"}, "models": {"share": {"a": "eu", "b": "eu"}}},
    "services": [
        {"name": "shop", "team": "web"},
        {"name": "ledger", "team": "web"},
        {"name": "other", "team": "storage"},
    ],
}
OWNERS = {"shop": "web", "ledger": "storage"}


class Company:
    """One installation whose people give all that concerns the ledger to storage."""

    def __init__(self, player: Play) -> None:
        self.driver = player.driver
        self.number = 0

    def alert(self, tenant: str, service: str) -> Incident:
        """One alert, and the incident that it opens."""
        self.alerts(tenant, [service])
        place = f"r{self.number}"
        return next(each for each in self._open() if each.region == place)

    def alerts(self, tenant: str, services: list[str]) -> None:
        """Alerts that stand alone, each in a scope of its own, together."""
        outputs = []
        for service in services:
            self.number += 1
            body = {
                "name": f"Http5xx{self.number % 3}",
                "status": "firing",
                "severity": "error",
                "service": service,
                "region": f"r{self.number}",
            }
            headers = {"format": "native", "tenant": tenant}
            raw = json.dumps(body).encode()
            outputs.append(Output(topic="raw-alerts", key="", value=raw, headers=headers))
        self.driver.append(outputs)

    def live(self, batches: int) -> None:
        """So many times 50 incidents of the tenants a and b, who learn together."""
        for batch in range(batches):
            self.alerts("a" if batch % 2 else "b", ["ledger", "shop"] * 25)
            self.reassign_all()
            self.driver.advance("1m")

    def reassign_all(self) -> None:
        """Give each open incident to whom it belongs, and end it."""
        for kind in ("reassign", "resolve"):
            self.driver.append([self._command(each, kind) for each in self._open()])

    def _open(self) -> list[Incident]:
        return [each for each in self.driver.table("incidents").values() if each.is_open]

    def _command(self, incident: Incident, kind: str) -> Output:
        command = Command(
            command_id=f"{kind}-{incident.incident_id}",
            kind=kind,
            incident_id=incident.incident_id,
            scope_id=incident.scope_id,
            tenant=incident.tenant,
            author="ann",
            assignee=OWNERS[incident.service] if kind == "reassign" else "",
        )
        headers = {"tenant": incident.tenant}
        return Output(
            topic="commands", key=incident.scope_id, value=encode(command), headers=headers
        )


@pytest.fixture(scope="module")
def player() -> Player:
    return Player(STORY)


@pytest.fixture(scope="module")
def company(player: Player) -> Company:
    """After enough outcomes."""
    company = Company(player)
    company.live(FIRST // 50)
    return company


def test_the_model_decides_what_people_had_to_correct(company: Company) -> None:
    ledger = company.alert("a", "ledger").classification
    assert (ledger.team.label, ledger.team.reason) == ("storage", "classify.model")
    assert ledger.team.candidates == ("storage",)
    assert ledger.team.confidence > 0.8
    assert any("ledger" in each.feature for each in ledger.team.evidence)
    assert ledger.version not in ("", "rules")
    shop = company.alert("b", "shop").classification
    assert (shop.team.label, shop.version) == ("web", ledger.version)


def test_building_the_stream_loads_nothing_that_costs_and_a_thread_loads_it_then() -> None:
    program = """
import sys, time
from pipeline.app import compose, learning
from pipeline.topology.load import load
topology = load("routes: {receiver: none}", "t", lambda _: None)
agents = compose.agents(topology, compose.wiring(topology, "i"))
assert compose.is_learning(agents)
for name in ("numpy", "scipy", "river"):
    assert name not in sys.modules, name
made = learning.Learned()
assert not made.is_loaded
learning.load_aside()
give_up_at = time.monotonic() + 60
while not made.is_loaded and time.monotonic() < give_up_at:
    time.sleep(0.01)
assert made.is_loaded and "river" in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_tenant_that_shares_nothing_is_judged_by_rules(company: Company) -> None:
    found = company.alert("c", "ledger").classification
    assert (found.team.label, found.version) == ("web", "rules")


def test_a_snapshot_says_how_good_it_is(company: Company) -> None:
    records: list[ModelRecord] = company.driver.read("models")
    (head,) = [record for record in records if record.index == HEAD]
    assert head.model == "incidents+eu"
    assert head.heads[0].learned_count == head.heads[0].offset == FIRST
    team = next(each for each in head.heads[0].qualities if each.head == "team")
    assert team.accuracy > 0.9
    assert company.driver.table(MODELS.name)["incidents+eu"].count >= 2 * FIRST - 50


def test_its_past_can_be_replayed_to_the_digest(company: Company, player: Player) -> None:
    check_replay(player.driver, player.topology, INSTALLATION)
    assert company.driver.read("dead-letters") == []
