"""What REST calls do: people work on incidents, time passes, lists are cut, the door refuses."""

from itertools import pairwise
from typing import Any

import pytest

from tests.simulate.pagerduty.account import (
    HEADERS,
    MINUTE_MS,
    Account,
    code,
    three_incidents,
    update,
)
from tests.simulate.pagerduty.events import OTHER_KEY


@pytest.fixture
def account() -> Account:
    return three_incidents()


def test_an_incident_is_worked_on(account: Account) -> None:
    path = f"/incidents/{account.incident_ids[0]}"
    assert account.get(path)["incident"]["assignments"][0]["assignee"]["id"] in account.user_ids
    acked = account.put(path, update(status="acknowledged", title="Worse", urgency="low"))
    assert acked["incident"]["status"] == "acknowledged"
    assert (acked["incident"]["title"], acked["incident"]["urgency"]) == ("Worse", "low")
    assert acked["incident"]["acknowledgements"][0]["acknowledger"]["summary"] == "Ada Bell"
    resolved = account.put(path, update(status="resolved"))
    assert resolved["incident"]["assignments"] == []
    assert resolved["incident"]["alert_counts"] == {"all": 1, "triggered": 0, "resolved": 1}
    account.send("trigger", "k1")
    assert account.desk.book.totals["reopened"] == 1


@pytest.mark.parametrize(
    ("place", "fields", "expected"),
    [
        (2, {"status": "resolved"}, 1001),
        (2, {"status": "acknowledged"}, 1001),
        (2, {"escalation_level": 2}, 1001),
        (0, {"status": "burning"}, 1003),
        (0, {"escalation_level": 9}, 1006),
        (0, {"escalation_level": 0}, 1006),
        (0, {"assignments": [{"assignee": {"id": "PNOBODY"}}]}, 1007),
        (0, {"escalation_policy": {"id": "PNONE"}}, 1014),
        (0, {"title": ""}, 2001),
        (0, {"urgency": "dire"}, 2001),
        (0, {"assignments": "ada"}, 2001),
        (0, {"title": "kept?", "status": "burning"}, 1003),
    ],
)
def test_a_wrong_update_is_refused_and_changes_nothing(
    account: Account, place: int, fields: dict[str, Any], expected: int
) -> None:
    path = f"/incidents/{account.incident_ids[place]}"
    before = account.get(path)
    answer = account.put(path, update(**fields), status=400)
    assert code(answer) == expected
    assert account.get(path) == before


def test_acknowledging_twice_is_refused_for_the_same_person(account: Account) -> None:
    path = f"/incidents/{account.incident_ids[0]}"
    account.put(path, update(status="acknowledged"))
    assert code(account.put(path, update(status="acknowledged"), status=400)) == 1002


def test_a_bulk_update_is_all_or_nothing(account: Account) -> None:
    def bulk(status: int, *ids: str) -> Any:
        members = [{"id": id_, "type": "incident_reference", "status": "resolved"} for id_ in ids]
        return account.put("/incidents", {"incidents": members}, status)

    assert code(bulk(400, *account.incident_ids)) == 1001
    assert account.statuses() == ["triggered", "acknowledged", "resolved"]
    bulk(200, *account.incident_ids[:2])
    assert account.statuses() == ["resolved"] * 3
    assert code(bulk(413, *["Q"] * 251)) == 2001
    assert code(bulk(404, "QNONE")) == 5001


def test_a_snooze_ends_by_itself_and_pages_again(account: Account) -> None:
    id_ = account.incident_ids[0]
    pages = account.desk.model.incidents.by_id[id_].pages
    account.ask("POST", f"/incidents/{id_}/snooze", {"duration": 600})
    assert account.statuses()[0] == "acknowledged"
    account.now_ms += 599_999
    assert account.get(f"/incidents/{id_}")["incident"]["status"] == "acknowledged"
    account.now_ms += 1
    assert account.get(f"/incidents/{id_}")["incident"]["status"] == "triggered"
    assert account.desk.model.incidents.by_id[id_].pages == pages + 1
    for duration in (0, 604_801, "60", None):
        status, answer = account.ask("POST", f"/incidents/{id_}/snooze", {"duration": duration})
        assert (status, code(answer)) == (400, 1013)


def test_unanswered_incidents_escalate_and_at_last_give_up(account: Account) -> None:
    id_ = account.incident_ids[0]
    incident = account.desk.model.incidents.by_id[id_]
    levels = [incident.level]
    for _ in range(6):
        account.now_ms += 30 * MINUTE_MS
        account.get(f"/incidents/{id_}")
        levels.append(incident.level)
    assert levels == [1, 2, 1, 2, 2, 2, 2]
    assert incident.pages == 4
    assert "exhaust_escalation_path" in [entry.kind for entry in incident.log]
    acknowledged = account.desk.model.incidents.by_id[account.incident_ids[1]]
    assert acknowledged.level == 1


def test_a_merge_moves_the_alerts(account: Account) -> None:
    target, source, resolved = account.incident_ids
    merge = {"source_incidents": [{"id": source, "type": "incident_reference"}]}
    answer = account.put(f"/incidents/{target}/merge", merge)
    assert answer["incident"]["id"] == target
    alerts = account.get(f"/incidents/{target}/alerts")["alerts"]
    assert [alert["alert_key"] for alert in alerts] == ["k1", "k2"]
    merged = account.get(f"/incidents/{source}")["incident"]
    assert merged["status"] == "resolved"
    assert merged["resolve_reason"]["incident"]["id"] == target
    account.send("resolve", "k1")
    assert account.statuses()[0] == "triggered"
    account.send("resolve", "k2")
    assert account.statuses()[0] == "resolved"
    for other, expected in ((source, 1019), (resolved, 1001)):
        assert code(account.put(f"/incidents/{other}/merge", merge, status=400)) == expected


def test_an_incident_made_by_a_person(account: Account) -> None:
    service_id = next(iter(account.desk.model.directory.services))
    body = {
        "incident": {
            "type": "incident",
            "title": "The lights are out",
            "service": {"id": service_id, "type": "service_reference"},
            "incident_key": "lights",
            "body": {"type": "incident_body", "details": "all of them"},
        }
    }
    status, answer = account.ask("POST", "/incidents", body)
    assert (status, answer["incident"]["status"]) == (201, "triggered")
    shown = account.get(f"/incidents/{answer['incident']['id']}", include__=["body"])
    assert shown["incident"]["body"]["details"] == "all of them"
    status, answer = account.ask("POST", "/incidents", body)
    assert (status, code(answer)) == (400, 2002)


def test_lists_are_filtered_and_sorted(account: Account) -> None:
    account.send("trigger", "other", OTHER_KEY)
    services = list(account.desk.model.directory.services)

    def numbers(**query: Any) -> list[int]:
        return [i["incident_number"] for i in account.get("/incidents", **query)["incidents"]]

    assert numbers() == [1, 2, 3, 4]
    assert numbers(statuses__=["triggered", "acknowledged"]) == [1, 2, 4]
    assert numbers(service_ids__=[services[1]]) == [4]
    assert numbers(incident_key="k2") == [2]
    assert numbers(urgencies__=["low"]) == []
    assert numbers(sort_by="incident_number:desc") == [4, 3, 2, 1]
    assert numbers(until="2027-01-14T00:00:00Z") == []
    account.now_ms += 31 * 24 * 60 * MINUTE_MS
    assert numbers() == []
    assert numbers(date_range="all") == [1, 2, 3, 4]
    status, answer = account.ask("GET", "/incidents", statuses__=["open"])
    assert (status, code(answer)) == (400, 2001)


def test_pages(account: Account) -> None:
    for number in range(60):
        account.send("trigger", f"page{number}")
    first = account.get("/incidents")
    assert (len(first["incidents"]), first["limit"], first["total"]) == (25, 25, None)
    assert first["more"] is True
    last = account.get("/incidents", limit=50, offset=50, total="true")
    assert (len(last["incidents"]), last["more"], last["total"]) == (13, False, 63)
    assert account.get("/incidents", limit=1000)["limit"] == 100
    account.get("/incidents", limit=100, offset=9_900)
    wrong: list[dict[str, Any]] = [
        {"limit": 100, "offset": 9_901},
        {"limit": 0},
        {"offset": "-1"},
        {"limit": "x"},
    ]
    for query in wrong:
        status, answer = account.ask("GET", "/incidents", **query)
        assert (status, code(answer)) == (400, 2001)


def test_who_is_on_call_follows_the_weeks(account: Account) -> None:
    schedule_id = next(iter(account.desk.model.directory.schedules))
    seen = []
    for _ in range(4):
        (one,) = account.get("/oncalls", schedule_ids__=[schedule_id])["oncalls"]
        seen.append(one["user"]["summary"])
        assert one["escalation_level"] == 1
        account.now_ms += 7 * 24 * 60 * MINUTE_MS
    assert sorted(seen[:3]) == ["Ada Bell", "Ben Chime", "Cleo Gong"]
    assert seen[3] == seen[0]
    shown = account.get(
        f"/schedules/{schedule_id}", since="2027-01-01T00:00:00Z", until="2027-01-29T00:00:00Z"
    )
    entries = shown["schedule"]["final_schedule"]["rendered_schedule_entries"]
    assert entries[0]["start"] == "2027-01-01T00:00:00Z"
    assert entries[-1]["end"] == "2027-01-29T00:00:00Z"
    assert all(before["end"] == after["start"] for before, after in pairwise(entries))
    status, answer = account.ask("GET", "/oncalls", since="2027-01-01", until="2026-01-01")
    assert (status, code(answer)) == (400, 2005)
    status, answer = account.ask("GET", "/oncalls", since="tomorrow")
    assert (status, code(answer)) == (400, 2004)


def test_service_timeouts_act(account: Account) -> None:
    service_id = next(iter(account.desk.model.directory.services))
    changes = {"acknowledgement_timeout": 60, "auto_resolve_timeout": 3600}
    account.put(f"/services/{service_id}", {"service": changes})
    account.send("trigger", "new")
    account.send("acknowledge", "new")
    id_ = account.incident_ids[-1]
    account.now_ms += 60_000
    assert account.get(f"/incidents/{id_}")["incident"]["status"] == "triggered"
    account.now_ms += 3_540_000
    assert account.get(f"/incidents/{id_}")["incident"]["status"] == "resolved"


def test_the_status_of_a_service_follows_its_incidents(account: Account) -> None:
    path = f"/services/{next(iter(account.desk.model.directory.services))}"
    assert account.get(path)["service"]["status"] == "critical"
    account.send("resolve", "k1")
    assert account.get(path)["service"]["status"] == "warning"
    account.send("resolve", "k2")
    assert account.get(path)["service"]["status"] == "active"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "expected"),
    [
        ("GET", "/incidents", {}, 401, 2006),
        ("GET", "/incidents", {"authorization": "Basic abc"}, 401, 2006),
        ("GET", "/incidents", {"authorization": "Token token="}, 401, 2006),
        ("GET", "/incidents", {**HEADERS, "accept": "application/json;version=1"}, 406, 2001),
        ("GET", "/nothing", HEADERS, 404, 2100),
        ("DELETE", "/incidents", HEADERS, 405, 2001),
        ("GET", "/incidents/QNONE", HEADERS, 404, 5001),
        ("GET", "/services/PNONE", HEADERS, 404, 5002),
        ("PUT", "/incidents", {"authorization": "Bearer x"}, 400, 1008),
        ("PUT", "/incidents", {**HEADERS, "from": "nobody@example.com"}, 400, 1008),
        ("PUT", "/incidents", HEADERS, 400, 2001),
    ],
)
def test_the_door(
    account: Account, method: str, path: str, headers: dict[str, str], status: int, expected: int
) -> None:
    got, answer = account.ask(method, path, headers=headers)
    assert (got, code(answer)) == (status, expected)
    assert account.desk.book.totals["refused"] == 1


@pytest.mark.parametrize("body", [[], "x", 3, None])
def test_a_body_that_is_not_an_object_is_refused(account: Account, body: Any) -> None:
    status, answer = account.ask("PUT", "/incidents", body)
    assert (status, code(answer)) == (400, 2001)
