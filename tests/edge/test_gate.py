"""Who is let in, what foreign pages cannot do, and every error as a problem document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.domain.secret import Secret
from pipeline.edge.access import Access, Caller
from pipeline.edge.gate import check_host
from pipeline.edge.problem import Problem
from tests.edge.world import World, running

GOOD = {"name": "a", "status": "firing"}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Bearer root", Caller("default", is_operator=True)),
        ("bearer root", Caller("default", is_operator=True)),
        ("Bearer one", Caller("a")),
        ("Bearer two", Caller("a")),
        ("Bearer three", Caller("b")),
        ("Bearer ", None),
        ("Bearer nope", None),
        ("Basic root", None),
        ("root", None),
        ("", None),
        (None, None),
    ],
)
def test_a_token_says_whose_tenant(header: str | None, expected: Caller | None) -> None:
    access = Access(
        Secret("root"), {"a": [Secret("one"), Secret("two")], "b": [Secret("three"), Secret("")]}
    )
    headers = {} if header is None else {"authorization": header}
    if expected is None:
        with pytest.raises(Problem) as caught:
            access.caller(headers)
        assert caught.value.status == 401
        assert "www-authenticate" in caught.value.headers
        assert "root" not in caught.value.detail
    else:
        assert access.caller(headers) == expected


def test_without_an_operators_token_nobody_needs_one_but_a_wrong_one_is_wrong() -> None:
    access = Access(None, {"a": [Secret("one")]})
    assert access.caller({}) == Caller("default", is_operator=True)
    assert access.caller({"authorization": "Bearer one"}) == Caller("a")
    with pytest.raises(Problem):
        access.caller({"authorization": "Bearer two"})


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2:0", True),
        ("localhost:0", True),
        ("LOCALHOST", True),
        ("[::1]:0", True),
        ("", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example:80", False),
        ("[", False),
        ("[::2]", False),
    ],
)
def test_a_host_of_another_name_is_refused_where_no_token_is_asked(
    host: str, is_ours: bool
) -> None:
    if is_ours:
        check_host(host)
    else:
        with pytest.raises(Problem, match="is not this machine"):
            check_host(host)


async def test_pages_of_others_cannot_speak_for_a_local_operator(world: World) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil"}):
        answer = await world.client.post("/api/v1/alerts", json=GOOD, headers=headers)
        assert answer.status_code == 403, headers
    answer = await world.client.post("/api/v1/alerts", json=GOOD, headers={"Origin": world.url})
    assert answer.status_code == 202


async def test_with_a_token_everything_but_the_probes_needs_one(tmp_path: Path) -> None:
    async with running(tmp_path, operator_token=Secret("root")) as world:
        for method, path in (
            ("POST", "/api/v1/alerts"),
            ("POST", "/api/v2/alerts"),
            ("POST", "/api/v1/ingest/alertmanager"),
            ("POST", "/api/v1/ingest/plain"),
            ("POST", "/api/v1/ingest/cloudevents"),
            ("POST", "/api/v1/changes"),
            ("POST", "/api/v1/silences"),
            ("POST", "/api/v1/silences/preview"),
            ("POST", "/api/v1/silences/x/expire"),
            ("DELETE", "/api/v1/silences/x"),
            ("POST", "/api/v1/incidents/0.1/resolve"),
            ("POST", "/api/v1/routes/test"),
            ("POST", "/api/v1/receivers/on-call/test"),
            ("POST", "/api/v1/dead-letters/x/redrive"),
            ("GET", "/api/v1/dead-letters"),
            ("GET", "/api/v1/dead-letters/x"),
            ("GET", "/api/v1/incidents"),
            ("GET", "/api/v1/incidents/0.1"),
            ("GET", "/api/v1/commands/x"),
            ("GET", "/api/v1/receipts"),
            ("GET", "/api/v1/notifications"),
            ("GET", "/api/v1/silences"),
            ("GET", "/api/v1/services"),
            ("GET", "/api/v1/changes"),
            ("GET", "/api/v1/topology"),
            ("GET", "/api/v1/stats"),
            ("GET", "/api/v2/status"),
            ("GET", "/metrics"),
        ):
            answer = await world.client.request(method, path)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"].startswith("Bearer")
        for path in ("/healthz", "/readyz", "/-/healthy", "/-/ready"):
            assert (await world.client.get(path)).status_code == 200, path


async def test_readiness_names_its_complaints(tmp_path: Path) -> None:
    complaints: list[str] = []
    async with running(tmp_path, readiness=lambda: complaints) as world:
        assert (await world.client.get("/readyz")).json() == {"is_ready": True, "complaints": []}
        complaints.append("the disk is full: free some room")
        answer = await world.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["complaints"] == complaints
        assert (await world.client.get("/-/ready")).status_code == 503
        assert (await world.client.get("/-/healthy")).status_code == 200
        assert (await world.client.get("/healthz")).status_code == 200


async def test_requests_are_counted_by_route_and_refusals_by_kind(tmp_path: Path) -> None:
    counted: dict[tuple[str, ...], float] = {}

    def count(name: str, amount: float, labels: Mapping[str, str]) -> None:
        key = (name, *labels.values())
        counted[key] = counted.get(key, 0) + amount

    async with running(tmp_path, count=count) as world:
        await world.client.post("/api/v1/alerts", json=[GOOD, GOOD, {}])
        await world.client.post("/api/v1/alerts", json={})
        await world.client.get("/api/v1/incidents/0.1")
        await world.client.get("/api/v1/incidents", headers={"Host": "evil"})
    assert counted == {
        ("edge_accepted_alerts", "native"): 2,
        ("edge_refused_alerts", "native"): 1,
        ("edge_requests", "/api/v1/alerts", "2xx"): 1,
        ("edge_requests", "/api/v1/alerts", "4xx"): 1,
        ("edge_requests", "/api/v1/incidents/{incident_id}", "4xx"): 1,
        ("edge_refused_requests", "invalid"): 1,
        ("edge_refused_requests", "forbidden"): 1,
    }


async def test_metrics_are_what_the_composition_renders(tmp_path: Path) -> None:
    async with running(tmp_path, metrics=lambda: b"up 1\n") as world:
        answer = await world.client.get("/metrics")
        assert answer.text == "up 1\n"
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_what_is_not_there_and_what_breaks_are_problem_documents(tmp_path: Path) -> None:
    def broken() -> list[str]:
        raise RuntimeError("a secret of the inside")

    async with running(tmp_path, readiness=broken) as world:
        for method, path, status in (
            ("GET", "/nowhere", 404),
            ("GET", "/api/v1/alerts", 405),
            ("PUT", "/api/v1/incidents", 405),
            ("GET", "/readyz", 500),
        ):
            answer = await world.client.request(method, path)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"
            problem = answer.json()
            assert problem["status"] == status
            assert problem["title"]
            assert problem["type"].startswith("urn:tocsin:problem:")
            assert "secret" not in answer.text
            assert "Traceback" not in answer.text


async def test_the_api_describes_itself(world: World) -> None:
    document = (await world.client.get("/api/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    paths = document["paths"]
    assert "post" in paths["/api/v1/alerts"]
    incident = document["components"]["schemas"]
    assert any("dedup_keys" in schema.get("properties", {}) for schema in incident.values())
    body = paths["/api/v1/silences"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["required"] == ["matchers"]
    asked = {one["name"] for one in paths["/api/v1/incidents"]["get"]["parameters"]}
    assert {"status", "q", "since", "limit", "cursor"} <= asked
    native = paths["/api/v1/alerts"]["post"]["requestBody"]["content"]["application/json"]
    assert native["schema"]["oneOf"][0]["required"] == ["name", "status"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("name", "status", "labels", "alerts", "startsAt", "endsAt", "starts_at_ms"),
                    *(
                        "items",
                        "title",
                        "state",
                        "matchers",
                        "duration",
                        "service",
                        "summary",
                        "at",
                    ),
                    *("data", "id", "source", "type", "specversion", "annotations", "fingerprint"),
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())
PATHS = st.sampled_from(
    [
        "/api/v1/alerts",
        "/api/v2/alerts",
        "/api/v1/ingest/alertmanager",
        "/api/v1/ingest/cloudevents",
        "/api/v1/ingest/plain",
        "/api/v1/changes",
        "/api/v1/silences",
        "/api/v1/silences/preview",
        "/api/v1/routes/test",
        "/api/v1/incidents/0.1/note",
    ]
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("content-type", "content-encoding", "idempotency-key", "traceparent", "tenant"),
            *("ce-id", "ce-source", "ce-type", "ce-specversion", "ce-data", "origin"),
        ]
    ),
    st.sampled_from(
        [
            *("", "gzip", "1.0", "application/json", "application/cloudevents+json", "a" * 300),
            "application/cloudevents-batch+json",
        ]
    )
    | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30),
    max_size=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=PATHS, body=BODIES, headers=HEADERS)
async def test_no_body_and_no_header_makes_a_500(
    world: World, path: str, body: bytes, headers: dict[str, str]
) -> None:
    answer = await world.client.post(path, content=body, headers=headers)
    assert answer.status_code in (200, 201, 202, 400, 403, 404, 415), answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(
        ["incidents", "receipts", "notifications", "silences", "services", "dead-letters"]
    ),
    query=st.dictionaries(
        st.sampled_from(["limit", "cursor", "status", "since", "q", "tenant", "service", "result"]),
        st.text(max_size=12),
        max_size=3,
    ),
)
async def test_no_query_makes_a_500(world: World, path: str, query: dict[str, str]) -> None:
    answer = await world.client.get(f"/api/v1/{path}", params=httpx.QueryParams(query))
    assert answer.status_code in (200, 400), answer.text
    body: Any = answer.json()
    assert "next" in body if answer.status_code == 200 else body["errors"]
