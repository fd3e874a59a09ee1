"""Every REST answer judged by PagerDuty's own OpenAPI, on an account where everything happened."""

from typing import Any

import pytest

from pipeline.simulate.pagerduty.rest.routes import ROUTES
from tests.real import shared
from tests.simulate.pagerduty.account import Account, three_incidents, update
from tests.simulate.pagerduty.oracle import complaints

REST = "REST.openapiv3.json"


@pytest.fixture
def account() -> Account:
    return three_incidents()


def lived_in(account: Account) -> dict[str, str]:
    """Let everything happen; the ids by which to ask for it."""
    first, second, resolved = account.incident_ids
    for content in ("looking", "found"):
        account.ask("POST", f"/incidents/{first}/notes", {"note": {"content": content}})
    account.ask("POST", f"/incidents/{first}/snooze", {"duration": 60})
    for fields in (
        {"assignments": [{"assignee": {"id": account.user_ids[1], "type": "user_reference"}}]},
        {"escalation_level": 2},
    ):
        account.put(f"/incidents/{second}", update(**fields))
    merge = {"source_incidents": [{"id": second, "type": "incident_reference"}]}
    account.put(f"/incidents/{first}/merge", merge)
    account.put(f"/incidents/{resolved}", update(status="triggered"))
    hook = {
        "type": "webhook_subscription",
        "delivery_method": {"type": "http_delivery_method", "url": "https://x.test/hook"},
        "events": ["incident.triggered"],
        "filter": {"type": "account_reference"},
    }
    status, made = account.ask("POST", "/webhook_subscriptions", {"webhook_subscription": hook})
    assert status == 200, made
    assert complaints(REST, "post /webhook_subscriptions", 200, made) == []
    directory = account.desk.model.directory
    service = next(iter(directory.services.values()))
    alert = account.desk.model.incidents.by_id[first].alerts[0]
    return {
        "/users/{id}": account.user_ids[0],
        "/services/{id}": service.id,
        "/services/{id}/integrations/{integration_id}": f"{service.id} {service.integration_id}",
        "/escalation_policies/{id}": next(iter(directory.policies)),
        "/schedules/{id}": next(iter(directory.schedules)),
        "/schedules/{id}/users": next(iter(directory.schedules)),
        "/incidents/{id}": first,
        "/incidents/{id}/notes": first,
        "/incidents/{id}/alerts": first,
        "/incidents/{id}/alerts/{alert_id}": f"{first} {alert.id}",
        "/incidents/{id}/log_entries": first,
        "/log_entries/{id}": account.desk.model.incidents.entries[0].id,
        "/webhook_subscriptions/{id}": made["webhook_subscription"]["id"],
    }


@pytest.mark.parametrize("path", [route.path for route in ROUTES if route.method == "GET"])
def test_what_is_read_has_the_published_shape(account: Account, path: str) -> None:
    ids = lived_in(account).get(path, "").split()
    asked = "/".join(ids.pop(0) if part.startswith("{") else part for part in path.split("/"))
    answer = account.get(asked, total="true", since="2027-01-01", until="2027-02-01T00:00:00Z")
    assert complaints(REST, f"get {path}", 200, answer) == []
    if "limit" in answer:
        assert answer["total"] >= 1, "an empty list would prove nothing"


def test_the_oracle_finds_faults(account: Account) -> None:
    answer = account.get("/incidents")
    answer["incidents"][0]["status"] = "burning"
    del answer["incidents"][0]["assignments"][0]["at"]
    assert len(complaints(REST, "get /incidents", 200, answer)) == 2


def test_routes_and_from_agree_with_the_published_operations() -> None:
    lines = shared("pagerduty/pagerduty_rest_operations.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines[1:]]
    published = {(row[1], row[2]): len(row) > 6 and row[6] == "From" for row in rows}
    for route in ROUTES:
        assert route.needs_from == published[route.method, route.path], route.path


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/incidents/{id}", update(status="acknowledged"), 200),
        ("PUT", "/incidents/{id}", update(status="resolved", resolution="fixed"), 200),
        ("POST", "/incidents/{id}/snooze", {"duration": 3600}, 201),
        ("POST", "/incidents/{id}/notes", {"note": {"content": "x"}}, 200),
        ("PUT", "/services/{id}", {"service": {"name": "Billing", "status": "disabled"}}, 200),
    ],
)
def test_what_is_written_answers_in_the_published_shape(
    account: Account, method: str, path: str, body: Any, status: int
) -> None:
    services = list(account.desk.model.directory.services)
    id_ = services[0] if "services" in path else account.incident_ids[0]
    got, answer = account.ask(method, path.replace("{id}", id_), body)
    assert got == status, answer
    assert complaints(REST, f"{method.lower()} {path}", status, answer) == []


def test_bulk_update_merge_and_create_have_the_published_shape(account: Account) -> None:
    first, second, _ = account.incident_ids
    member = {"id": first, "type": "incident_reference", "urgency": "low"}
    answer = account.put("/incidents", {"incidents": [member]})
    assert complaints(REST, "put /incidents", 200, answer) == []
    merge = {"source_incidents": [{"id": second, "type": "incident_reference"}]}
    answer = account.put(f"/incidents/{first}/merge", merge)
    assert complaints(REST, "put /incidents/{id}/merge", 200, answer) == []
    service_id = next(iter(account.desk.model.directory.services))
    service = {"id": service_id, "type": "service_reference"}
    body = {"incident": {"type": "incident", "title": "dark", "service": service}}
    status, answer = account.ask("POST", "/incidents", body)
    assert status == 201
    assert complaints(REST, "post /incidents", 201, answer) == []
