"""Silences, dead letters, receipts, changes, trials and tenants over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from pipeline.domain.notification import Receipt
from pipeline.domain.secret import Secret
from tests.edge.asking import ALERT, get_until, open_incident
from tests.edge.world import TOPOLOGY, World, running


async def test_a_silence_mutes_from_when_it_said(world: World) -> None:
    answer = await world.client.post(
        "/api/v1/silences",
        json={"matchers": ['service="db"'], "duration": "1h", "comment": "work"},
    )
    assert answer.status_code == 201, answer.text
    silence = answer.json()
    assert silence["effective_at_ms"] == silence["created_at_ms"] + 2_000
    assert silence["state"] == "pending"
    assert silence["next_start_ms"] == silence["effective_at_ms"]
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


WRONG_SILENCES: list[Any] = [
    ({"matchers": ["service"], "duration": "1h"}, "matchers"),
    ({"matchers": [], "duration": "1h"}, "matchers"),
    ({"matchers": ['a="b"']}, "ends_at"),
    ({"matchers": ['a="b"'], "ends_at": "2001-01-01T00:00:00Z"}, "ends_at"),
    ({"matchers": ['a="b"'], "duration": "soon"}, "duration"),
    (
        {"matchers": ['a="b"'], "ends_at": "2100-01-01", "duration": "1h", "rrule": "FREQ=X"},
        "rrule",
    ),
    (
        {
            "matchers": ['a="b"'],
            "ends_at": "2100-01-01",
            "duration": "1h",
            "rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31",
        },
        "rrule",
    ),
    ({"duration": "1h"}, "matchers"),
    ({"matchers": ['a="b"'] * 51, "duration": "1h"}, "matchers"),
]


async def test_a_silence_that_cannot_be_is_named(world: World) -> None:
    for body, path in WRONG_SILENCES:
        for where in ("/api/v1/silences", "/api/v1/silences/preview"):
            answer = await world.client.post(where, json=body)
            assert answer.status_code == 400, body
            assert answer.json()["errors"][0]["path"] == path, body


async def test_a_silence_asked_for_twice_with_its_key_is_one(world: World) -> None:
    body = {"matchers": ['service="db"'], "duration": "1h"}
    for _ in range(2):
        headers = {"Idempotency-Key": "mute-db"}
        answer = await world.client.post("/api/v1/silences", json=body, headers=headers)
        assert answer.status_code == 201
    assert len({record.key for record in world.records("silences")}) == 1


async def test_a_preview_names_what_would_be_muted_and_writes_nothing(world: World) -> None:
    incident = await open_incident(world)
    answer = await world.client.post(
        "/api/v1/silences/preview", json={"matchers": ['service="db"'], "duration": "1h"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["muted"] == [incident["incident_id"]]
    assert world.records("silences") == []


async def test_a_preview_knows_which_labels_make_a_scope(tmp_path: Path) -> None:
    async with running(tmp_path, TOPOLOGY + "scope: [cluster]\n") as world:
        alert = {"name": "Slow", "status": "firing", "service": "db", "cluster": "one"}
        await world.client.post("/api/v1/alerts", json=[alert, {**alert, "name": "Full"}])
        found = await get_until(
            world,
            "/api/v1/incidents",
            lambda body: body["incidents"] and body["incidents"][0]["alert_count"] == 2,
        )
        body = {"matchers": ['cluster="one"'], "duration": "1h"}
        answer = await world.client.post("/api/v1/silences/preview", json=body)
        assert answer.json()["muted"] == [found["incidents"][0]["incident_id"]]


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
    new, old = again["dead_letters"]
    assert (new["agent"], new["redriven_from"]) == ("intake", letter["dead_letter_id"])
    assert (new["redriven_at_ms"], old["dead_letter_id"]) == (0, letter["dead_letter_id"])
    assert old["redriven_at_ms"] >= old["at_ms"]
    left = (await world.client.get("/api/v1/dead-letters?redriven=false")).json()["dead_letters"]
    assert left == [new]
    gone = (await world.client.get("/api/v1/dead-letters?redriven=true")).json()["dead_letters"]
    assert gone == [old]
    assert (await world.client.get(path)).json()["redriven_at_ms"] == old["redriven_at_ms"]


async def test_a_page_is_a_trigger_and_no_resolve(world: World) -> None:
    incident = await open_incident(world)
    await world.client.post(f"/api/v1/incidents/{incident['incident_id']}/resolve")
    found = await get_until(
        world, "/api/v1/stats", lambda body: body["receipts"].get("delivered") == 2
    )
    assert found["pages"] == 1


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
    assert found["pages"] == 1
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
        stats = (await world.client.get("/api/v1/stats", headers=as_b)).json()
        assert (stats["accepted_alerts"], stats["incidents"]) == (0, {"muted": 0})
        stats = (await world.client.get("/api/v1/stats", headers=as_root)).json()
        assert (stats["accepted_alerts"], stats["dead_letters"]) == (1, {"invalid": 1})
        path = f"/api/v1/incidents/{incident_id}/acknowledge"
        assert (await world.client.post(path, headers=as_b)).status_code == 404
        answer = await world.client.post(path, headers=as_root)
        assert answer.status_code == 200
        path = f"/api/v1/commands/{answer.json()['command_id']}"
        assert (await world.client.get(path, headers=as_b)).status_code == 404
        assert (await world.client.get(path, headers=as_a)).status_code == 200
        for path in ("/api/v1/topology", "/metrics"):
            assert (await world.client.get(path, headers=as_a)).status_code == 403
            assert (await world.client.get(path, headers=as_root)).status_code == 200
