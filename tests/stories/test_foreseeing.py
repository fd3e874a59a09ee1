"""A story too long for YAML: incidents that announce themselves are foreseen after some weeks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.domain.incident import Incident
from tests.laws.replay import check_replay
from tests.stories.player import INSTALLATION, Player

SERVICES = tuple(f"shop-{number}" for number in range(10))
ROUNDS = 14
STORY: dict[str, Any] = {
    "story": "incidents that announce themselves",
    "topology": {
        "routes": {
            "receiver": "on-call",
            "routes": [{"match": ['foreseen!="yes"'], "receiver": "none"}],
        },
        "foresee": {"page_at": 0.3, "per_day": 20},
    },
}


def alert(name: str, service: str, severity: str) -> dict[str, Any]:
    return {"name": name, "service": service, "severity": severity, "ends_in": "30m"}


def one_round(number: int) -> list[Mapping[str, Any]]:
    """Four hours: noise everywhere, and at three services what announces an incident that comes."""
    threatened = [SERVICES[(3 * number + each) % len(SERVICES)] for each in range(3)]
    noise = [alert("CpuHigh", each, "warning") for each in SERVICES]
    signs = [alert("DiskSlow", each, "warning") for each in threatened]
    incidents = [alert("Down", each, "critical") for each in threatened]
    return [
        {"alerts": noise}, {"wait": "1h"},
        {"alerts": signs}, {"wait": "20m"},
        {"alerts": incidents}, {"wait": "160m"},
    ]  # fmt: skip


def shown(player: Player, title: str) -> Incident:
    return player._incident(title)


def test_what_announces_itself_is_foreseen_and_pages_where_a_policy_says_so() -> None:
    player = Player(STORY)
    for number in range(ROUNDS):
        player.play(one_round(number))
        if number == 1:
            player.play([{"pages": []}])  # nothing is known yet
    player.play([{"wait": "6h"}])  # the model is published
    player.pages.clear()
    player.play([
        {"alerts": [alert("DiskSlow", "shop-1", "warning"), alert("CpuHigh", "shop-2", "warning")]},
        {"wait": "11m"},
    ])  # fmt: skip
    risk = shown(player, "DiskSlow on shop-1").risk
    assert risk.chance > 0.4
    assert "DiskSlow" in [each.feature for each in risk.evidence]
    assert shown(player, "CpuHigh on shop-2").risk.chance < 0.1
    told = "shop-1 is likely to have an incident within 30 minutes"
    player.play([
        {"pages": [f"trigger on-call: {told}"]},
        {"says": {"DiskSlow on shop-1": "shop-1 has an incident within 30 minutes"}},
        {"alert": alert("Down", "shop-1", "critical")},
        {"wait": "10m"},
        {"pages": [f"resolve on-call: {told}"]},
        {"dead_letters": []},
    ])  # fmt: skip
    check_replay(player.driver, player.topology, INSTALLATION)
