"""The API against a whole running Tocsin: what is asked is answered, and commands take effect."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pipeline.domain.notification import Receipt
from pipeline.domain.secret import Secret
from pipeline.edge.limits import Limits
from tests.edge.world import INSTALLATION, TOPOLOGY, World, running

ALERT = {
    "name": "DiskFull",
    "status": "firing",
    "severity": "critical",
    "service": "db",
    "environment": "prod",
    "region": "eu",
    "description": "97 % of /var is used",
    "labels": {"team": "storage"},
}


async def get_until(world: World, path: str, is_good: Any, deadline_s: float = 20) -> Any:
    """The JSON under a path as soon as it is good."""
    found: Any = None

    async def poll() -> Any:
        nonlocal found
        while True:
            answer = await world.client.get(path)
            found = answer.json()
            if answer.status_code == 200 and is_good(found):
                return found
            await asyncio.sleep(0)

    try:
        return await asyncio.wait_for(poll(), deadline_s)
    except TimeoutError:
        raise AssertionError(f"not within {deadline_s} s: {path}: {found}") from None


async def open_incident(world: World, **changes: Any) -> dict[str, Any]:
    """Send an alert and wait for its incident."""
    alert = {**ALERT, **changes}
    answer = await world.client.post("/api/v1/alerts", json=alert)
    assert answer.status_code == 202
    path = f"/api/v1/incidents?q={alert['name']}&service={alert['service']}"
    found = await get_until(world, path, lambda body: body["incidents"])
    incident: dict[str, Any] = found["incidents"][0]
    return incident


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


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
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
        ("since=2020-01-01T00:00:00Z", True),
        ("since=2020-01-01T00:00:00+01:00", True),
        ("until=1577836800000", False),
    ],
)
async def test_filters(world: World, query: str, is_found: bool) -> None:
    await open_incident(world)
    answer = await world.client.get(f"/api/v1/incidents?{query}")
    assert answer.status_code == 200, answer.text
    assert bool(answer.json()["incidents"]) is is_found


@pytest.mark.parametrize(
    ("query", "path"),
    [
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
    ],
)
async def test_a_wrong_parameter_is_a_400_that_names_it(
    world: World, query: str, path: str
) -> None:
    answer = await world.client.get(f"/api/v1/incidents?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["path"] == path


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


@pytest.mark.parametrize(
    ("kind", "body", "path"),
    [
        ("snooze", {}, "until"),
        ("snooze", {"until": "2030-01-01T00:00:00Z", "for": "1h"}, "until"),
        ("snooze", {"for": "soon"}, "for"),
        ("note", {}, "text"),
        ("note", {"text": "x" * 25_001}, "text"),
        ("merge", {}, "into"),
        ("reassign", {"assignee": " "}, "assignee"),
        ("acknowledge", {"who": "ada"}, ""),
        ("acknowledge", [], ""),
        ("override", {"severity": 3}, "severity"),
    ],
)
async def test_a_command_that_lacks_something_names_it(
    world: World, kind: str, body: Any, path: str
) -> None:
    incident = await open_incident(world)
    answer = await world.client.post(
        f"/api/v1/incidents/{incident['incident_id']}/{kind}", json=body
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["path"] == path


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


async def test_a_silence_mutes_from_when_it_said(world: World) -> None:
    answer = await world.client.post(
        "/api/v1/silences",
        json={"matchers": ['service="db"'], "duration": "1h", "comment": "work"},
    )
    assert answer.status_code == 201, answer.text
    silence = answer.json()
    assert silence["effective_at_ms"] == silence["created_at_ms"] + 2_000
    assert silence["state"] == "pending"
    path = "/api/v1/silences?state=active"
    await get_until(world, path, lambda body: body["silences"])
    incident = await open_incident(world)
    whole = await get_until(
        world,
        f"/api/v1/incidents/{incident['incident_id']}",
        lambda body: body["routing"]["muted_by"],
    )
    assert any(silence["silence_id"] in muted for muted in whole["routing"]["muted_by"])
    assert world.calls == []
    gone = await world.client.delete(f"/api/v1/silences/{silence['silence_id']}")
    assert gone.json()["state"] == "expired"
    await get_until(world, path, lambda body: not body["silences"])


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"matchers": ["service"], "duration": "1h"}, "matchers"),
        ({"matchers": [], "duration": "1h"}, "matchers"),
        ({"matchers": ['a="b"']}, "ends_at"),
        ({"matchers": ['a="b"'], "ends_at": "2001-01-01T00:00:00Z"}, "ends_at"),
        ({"matchers": ['a="b"'], "duration": "soon"}, "duration"),
        (
            {"matchers": ['a="b"'], "ends_at": "2100-01-01", "duration": "1h", "rrule": "FREQ=X"},
            "rrule",
        ),
        ({"duration": "1h"}, "matchers"),
        ({"matchers": ['a="b"'] * 51, "duration": "1h"}, "matchers"),
    ],
)
async def test_a_silence_that_cannot_be_is_named(world: World, body: Any, path: str) -> None:
    for where in ("/api/v1/silences", "/api/v1/silences/preview"):
        answer = await world.client.post(where, json=body)
        assert answer.status_code == 400, answer.text
        assert answer.json()["errors"][0]["path"] == path


async def test_a_preview_names_what_would_be_muted_and_writes_nothing(world: World) -> None:
    incident = await open_incident(world)
    answer = await world.client.post(
        "/api/v1/silences/preview", json={"matchers": ['service="db"'], "duration": "1h"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["muted"] == [incident["incident_id"]]
    assert world.records("silences") == []


async def test_a_dead_letter_is_listed_shown_and_redriven(world: World) -> None:
    await world.client.post("/api/v1/alerts", json=[ALERT, {"status": "firing"}])
    found = await get_until(world, "/api/v1/dead-letters", lambda body: body["dead_letters"])
    (letter,) = found["dead_letters"]
    assert (letter["index"], letter["agent"], letter["reason"]) == (1, "edge", "invalid")
    path = f"/api/v1/dead-letters/{letter['dead_letter_id']}"
    assert (await world.client.get(path)).json()["value"]
    answer = await world.client.post(f"{path}/redrive")
    assert answer.status_code == 202, answer.text
    record = world.records("raw-alerts")[answer.json()["offset"]]
    assert record.value == b'[{"status":"firing"}]'
    assert record.headers["redriven-from"] == letter["dead_letter_id"]
    again = await get_until(
        world, "/api/v1/dead-letters", lambda body: len(body["dead_letters"]) == 2
    )
    assert again["dead_letters"][0]["agent"] == "intake"


async def test_receipts_and_notifications_are_listed_by_filters(world: World) -> None:
    incident = await open_incident(world)
    mine = f"incident={incident['incident_id']}"
    await get_until(world, f"/api/v1/receipts?{mine}", lambda body: body["receipts"])
    for path, is_found in (
        ("receipts?result=delivered&receiver=on-call", True),
        ("receipts?result=refused", False),
        ("receipts?receiver=nobody", False),
        (f"notifications?{mine}&action=trigger", True),
        ("notifications?action=resolve", False),
    ):
        body = (await world.client.get(f"/api/v1/{path}")).json()
        assert bool(body[path.partition("?")[0]]) is is_found, path


async def test_the_last_changes_of_a_service_are_kept(world: World) -> None:
    posts = [
        world.client.post(
            "/api/v1/changes",
            json={"service": "db", "summary": f"v{n}", "change_id": f"c{n}", "at": str(1000 + n)},
        )
        for n in range(25)
    ]
    answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} == {202}
    last = world.events("changes")[-1]
    assert [entry.change_id for entry in last.entries] == [f"c{n}" for n in range(24, 4, -1)]
    found = await get_until(
        world, "/api/v1/changes", lambda body: body["changes"] and len(body["changes"]) == 1
    )
    assert found["changes"][0]["service"] == "db"


async def test_a_change_without_its_service_names_it(world: World) -> None:
    answer = await world.client.post("/api/v1/changes", json=[{"summary": "v1"}])
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == "[0].service"


async def test_stats_count_what_is_there(world: World) -> None:
    await open_incident(world)
    found = await get_until(
        world, "/api/v1/stats", lambda body: body["receipts"].get("delivered") == 1
    )
    assert found["incidents"] == {"triggered": 1, "muted": 0}
    assert found["notifications"] == {"trigger": 1}
    assert found["accepted_alerts"] == 1


async def test_routes_are_tried_without_sending(world: World) -> None:
    answer = await world.client.post("/api/v1/routes/test", json={"labels": {"severity": "info"}})
    assert answer.json()["receivers"] == ["on-call"]
    assert answer.json()["steps"]


async def test_a_receiver_is_tested_through_what_the_composition_gives(tmp_path: Path) -> None:
    async def try_receiver(name: str) -> Receipt:
        return Receipt(
            notification_id=f"test/{name}/1",
            incident_id="",
            scope_id="",
            tenant="default",
            receiver=name,
            sequence=1,
            action="trigger",
            result="delivered",
        )

    async with running(tmp_path, try_receiver=try_receiver) as world:
        answer = await world.client.post("/api/v1/receivers/on-call/test")
        assert answer.json()["result"] == "delivered"
        answer = await world.client.post("/api/v1/receivers/nobody/test")
        assert answer.status_code == 404
        assert "on-call" in answer.json()["detail"]


async def test_the_topology_shows_no_secret(tmp_path: Path) -> None:
    text = TOPOLOGY + 'tenants: {a: {tokens: ["env:A"]}}\n'
    async with running(tmp_path, text) as world:
        answer = await world.client.get("/api/v1/topology")
        assert answer.status_code == 200
        body = answer.json()
        assert body["defaults"]["retention"] == "7d"
        assert body["sections"]["receivers"]["on-call"]["routing_key"] == "••••"
        assert body["tenants"]["a"]["tokens"] == ["••••"]
        assert "0" * 32 not in answer.text


async def test_a_tenant_sees_its_own_things_only(tmp_path: Path) -> None:
    tokens = {"a": [Secret("token-a")], "b": [Secret("token-b")]}
    async with running(tmp_path, tenants=tokens, operator_token=Secret("root")) as world:
        as_a, as_b, as_root = (
            {"Authorization": f"Bearer {token}"} for token in ("token-a", "token-b", "root")
        )
        await world.client.post("/api/v1/alerts", json=[ALERT, {"status": "firing"}], headers=as_a)
        world.client.headers.update(as_a)
        found = await get_until(world, "/api/v1/incidents", lambda body: body["incidents"])
        incident_id = found["incidents"][0]["incident_id"]
        assert found["incidents"][0]["tenant"] == "a"
        letters = await get_until(world, "/api/v1/dead-letters", lambda body: body["dead_letters"])
        letter_id = letters["dead_letters"][0]["dead_letter_id"]
        await get_until(world, "/api/v1/receipts", lambda body: body["receipts"])
        for path in ("incidents", "dead-letters", "receipts", "notifications", "silences"):
            body = (await world.client.get(f"/api/v1/{path}?tenant=a", headers=as_b)).json()
            assert next(iter(body.values())) == [], path
        for path in (f"incidents/{incident_id}", f"dead-letters/{letter_id}"):
            answer = await world.client.get(f"/api/v1/{path}", headers=as_b)
            assert answer.status_code == 404
            answer = await world.client.get(f"/api/v1/{path}", headers=as_root)
            assert answer.status_code == 200
        path = f"/api/v1/incidents/{incident_id}/acknowledge"
        assert (await world.client.post(path, headers=as_b)).status_code == 404
        assert (await world.client.post(path, headers=as_root)).status_code == 200
        for path in ("/api/v1/topology", "/metrics"):
            assert (await world.client.get(path, headers=as_a)).status_code == 403
            assert (await world.client.get(path, headers=as_root)).status_code == 200
