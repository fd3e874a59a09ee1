"""Incidents and commands over HTTP: what is asked is answered, and commands take effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.edge.limits import Limits
from tests.edge.asking import ALERT, get_until, open_incident
from tests.edge.world import INSTALLATION, World, running


async def test_an_incident_names_fingerprints_and_dedup_keys(world: World) -> None:
    incident = await open_incident(world)
    (record,) = world.records("raw-alerts")
    assert incident["fingerprints"] == [record.key]
    assert incident["dedup_keys"] == [f"{INSTALLATION}/{incident['incident_id']}"]
    assert incident["status"] == "triggered"


async def test_one_incident_comes_with_the_trace_of_its_decisions(world: World) -> None:
    incident = await open_incident(world)
    whole = await get_until(
        world, f"/api/v1/incidents/{incident['incident_id']}", lambda body: body["receipts"]
    )
    assert [receipt["result"] for receipt in whole["receipts"]] == ["delivered"]
    assert [notification["action"] for notification in whole["notifications"]] == ["trigger"]
    assert whole["reasons"]
    assert whole["audit"]
    assert all(entry["incident_id"] == incident["incident_id"] for entry in whole["audit"])


FILTERS: list[Any] = [
    ("status=open", True),
    ("status=triggered,acknowledged", True),
    ("status=triggered&status=resolved", True),
    ("status=resolved", False),
    ("severity=critical", True),
    ("severity=info", False),
    ("service=db", True),
    ("service=d", False),
    ("q=diskFULL+storage", True),
    ("q=nothing", False),
    ("q=%25", True),
    ("q=%5C", False),
    ("tenant=default", True),
    ("tenant=other", False),
    ("scope=0000000000000000", False),
    ("muted=false", True),
    ("muted=true", False),
    ("test=false", True),
    ("test=true", False),
    ("since=2020-01-01T00:00:00Z", True),
    ("since=2020-01-01T00:00:00+01:00", True),
    ("until=1577836800000", False),
]


async def test_filters(world: World) -> None:
    await open_incident(world)
    for query, is_found in FILTERS:
        answer = await world.client.get(f"/api/v1/incidents?{query}")
        assert answer.status_code == 200, query
        assert bool(answer.json()["incidents"]) is is_found, query


WRONG_PARAMETERS: list[Any] = [
    ("status=sideways", "status"),
    ("severity=bad", "severity"),
    ("limit=0", "limit"),
    ("limit=501", "limit"),
    ("limit=x", "limit"),
    ("limit=1&limit=2", "limit"),
    ("cursor=x", "cursor"),
    ("cursor=WzEsMl0", "cursor"),
    ("since=yesterday", "since"),
    ("muted=maybe", "muted"),
    ("state=open", "state"),
]


async def test_a_wrong_parameter_is_a_400_that_names_it(world: World) -> None:
    for query, path in WRONG_PARAMETERS:
        answer = await world.client.get(f"/api/v1/incidents?{query}")
        assert answer.status_code == 400, query
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["path"] == path, query


async def test_pages_hold_each_incident_once_in_order(world: World) -> None:
    batch = [{**ALERT, "service": f"s{number}"} for number in range(7)]
    await world.client.post("/api/v1/alerts", json=batch)
    whole = await get_until(world, "/api/v1/incidents", lambda body: len(body["incidents"]) == 7)
    pages: list[str] = []
    cursor = ""
    while True:
        answer = await world.client.get(f"/api/v1/incidents?limit=2{cursor}")
        body = answer.json()
        assert len(body["incidents"]) <= 2
        pages += [incident["incident_id"] for incident in body["incidents"]]
        if body["next"] is None:
            break
        cursor = f"&cursor={body['next']}"
    assert pages == [incident["incident_id"] for incident in whole["incidents"]]


async def test_acknowledge_snooze_note_and_resolve(world: World) -> None:
    incident = await open_incident(world)
    path = f"/api/v1/incidents/{incident['incident_id']}"
    answer = await world.client.post(f"{path}/acknowledge", json={"author": "ada"})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["result"] == "applied"
    assert body["incident"]["status"] == "acknowledged"
    assert body["incident"]["acknowledged_by"] == "ada"
    found = await world.client.get(f"/api/v1/commands/{body['command_id']}")
    assert found.json()["result"] == "applied"
    answer = await world.client.post(f"{path}/note", json={"text": "on it", "author": "ada"})
    assert answer.json()["incident"]["notes"][0]["text"] == "on it"
    answer = await world.client.post(f"{path}/snooze", json={"for": "2h"})
    assert answer.json()["incident"]["snoozed_until_ms"] > 0
    answer = await world.client.post(f"{path}/resolve")
    assert answer.json()["incident"]["status"] == "resolved"
    answer = await world.client.post(f"{path}/acknowledge")
    assert answer.status_code == 409
    assert answer.json()["reason"]
    assert answer.json()["command_id"]


async def test_a_repeated_command_with_its_key_has_one_effect_and_one_answer(
    world: World,
) -> None:
    incident = await open_incident(world)
    path = f"/api/v1/incidents/{incident['incident_id']}/note"
    headers = {"Idempotency-Key": "n1"}
    answers = [
        await world.client.post(path, json={"text": "once"}, headers=headers) for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({answer.json()["command_id"] for answer in answers}) == 1
    assert len(answers[-1].json()["incident"]["notes"]) == 1


WRONG_COMMANDS: list[Any] = [
    ("snooze", {}, "until"),
    ("snooze", {"until": "2030-01-01T00:00:00Z", "for": "1h"}, "until"),
    ("snooze", {"for": "soon"}, "for"),
    ("note", {}, "text"),
    ("note", {"text": "x" * 25_001}, "text"),
    ("merge", {}, "into"),
    ("split", {}, "part"),
    ("reassign", {"assignee": " "}, "assignee"),
    ("acknowledge", {"who": "ada"}, ""),
    ("acknowledge", [], ""),
    ("override", {"severity": 3}, "severity"),
]


async def test_a_command_that_lacks_something_names_it(world: World) -> None:
    incident = await open_incident(world)
    for kind, body, path in WRONG_COMMANDS:
        answer = await world.client.post(
            f"/api/v1/incidents/{incident['incident_id']}/{kind}", json=body
        )
        assert answer.status_code == 400, (kind, body)
        assert answer.json()["errors"][0]["path"] == path, (kind, body)


async def test_a_command_for_nothing_is_a_404(world: World) -> None:
    for path in ("/api/v1/incidents/0.1/acknowledge", "/api/v1/incidents/0.1/dance"):
        answer = await world.client.post(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_command_without_a_result_in_time_is_a_202_with_its_id(tmp_path: Path) -> None:
    async with running(tmp_path, limits=Limits(command_wait_ms=0)) as world:
        incident = await open_incident(world)
        answer = await world.client.post(f"/api/v1/incidents/{incident['incident_id']}/acknowledge")
        assert answer.status_code == 202
        found = await get_until(
            world, answer.headers["location"], lambda body: body["result"] == "applied"
        )
        assert found["command_id"] == answer.json()["command_id"]


async def test_incidents_of_tests_stand_apart(world: World) -> None:
    await open_incident(world)
    body = {"name": "Drill", "status": "firing", "is_test": True}
    assert (await world.client.post("/api/v1/alerts", json=body)).status_code == 202
    path = "/api/v1/incidents?test=true"
    drills = await get_until(world, path, lambda found: found["incidents"])
    assert [incident["title"] for incident in drills["incidents"]] == ["Drill"]
    others = (await world.client.get("/api/v1/incidents")).json()["incidents"]
    assert "Drill" not in [incident["title"] for incident in others]
