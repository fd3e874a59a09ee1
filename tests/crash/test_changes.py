"""A deploy posted to the API reaches PagerDuty as a change event, once, whoever dies."""

from __future__ import annotations

from pathlib import Path

from tests.crash.processes import World
from tests.wait import wait_until

TOPOLOGY = """
receivers:
  on-call: {sink: pagerduty, routing_key: "env:PAGERDUTY_ROUTING_KEY", changes: true}
routes: {receiver: on-call}
"""


def test_a_deploy_is_one_change_event_also_after_a_kill(tmp_path: Path) -> None:
    world = World(tmp_path, TOPOLOGY)
    try:
        for number in range(3):
            deploy = {"service": "shop", "summary": f"Shop {number}", "change_id": f"d{number}"}
            posted = world.http.post(f"{world.tocsin.url}/api/v1/changes", json=deploy)
            assert posted.status_code == 202, posted.text
        world.tocsin.kill()
        world.restart()
        again = {"service": "shop", "summary": "Shop 2", "change_id": "d2"}
        for deploy in (again, {"service": "shop", "summary": "Shop 3", "change_id": "d3"}):
            world.http.post(f"{world.tocsin.url}/api/v1/changes", json=deploy)
        told = wait_until(
            lambda: [call for call in world.calls() if "Shop 3" in str(call["payload"])],
            what="the last deploy was told",
            deadline_s=60,
        )
        assert (told[0]["api"], told[0]["effect"]) == ("change", "changed")
        summaries = [call["payload"]["summary"] for call in world.calls()]
        assert list(dict.fromkeys(summaries)) == ["Shop 0", "Shop 1", "Shop 2", "Shop 3"]
        assert len(summaries) <= 5, "only the call that the kill cut off may come twice"
        assert world.effective() == [], "it pages nobody"
    finally:
        world.end()
