"""Graphs of what precedes what are listed by scope, each to those whose tenant it is."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pipeline.codec import encode
from pipeline.domain.outcome import ModelRecord
from pipeline.domain.precedence import GRAPH_PREFIX, Graph, Link
from pipeline.domain.secret import Secret
from pipeline.domain.store import Output
from tests.edge.test_models import records as models
from tests.edge.world import World, running


def published(scope_id: str, tenant: str, links: tuple[Link, ...] | None = None) -> Output:
    """A graph as `sense` publishes it."""
    graph = Graph(
        scope_id=scope_id,
        tenant=tenant,
        values=("production", "eu"),
        at_ms=7,
        alarms=("DiskFull on db", "HttpErrors on shop"),
        links=(Link(0, 1, 3.5, True, 180_000, 0.75),) if links is None else links,
    )
    name = f"{GRAPH_PREFIX}{scope_id}"
    event = ModelRecord(model=name, body=msgspec.msgpack.encode(graph))
    return Output(topic="models", key=name, value=encode(event), event=event)


async def test_a_graph_is_listed_with_the_names_of_its_alarms(world: World) -> None:
    assert (await world.client.get("/api/v1/graphs")).json() == {"graphs": []}
    await world.runner.append([published("aa", "default"), *models(), published("bb", "other")])
    world.view.catch_up()

    found = (await world.client.get("/api/v1/graphs")).json()["graphs"]
    assert [one["scope_id"] for one in found] == ["aa", "bb"]
    assert found[0]["links"] == [
        {
            "cause": "DiskFull on db",
            "effect": "HttpErrors on shop",
            "strength": 3.5,
            "is_direct": True,
            "usual_ms": 180_000,
            "share": 0.75,
        }
    ]
    for asked, scopes in (("scope=bb", ["bb"]), ("tenant=default", ["aa"]), ("scope=cc", [])):
        found = (await world.client.get(f"/api/v1/graphs?{asked}")).json()["graphs"]
        assert [one["scope_id"] for one in found] == scopes
    listed = (await world.client.get("/api/v1/models")).json()["models"]
    assert [one["model"] for one in listed] == ["incidents@default"]


async def test_a_graph_of_nothing_is_none(world: World) -> None:
    await world.runner.append([published("aa", "default")])
    await world.runner.append([published("aa", "default", links=())])
    world.view.catch_up()
    assert (await world.client.get("/api/v1/graphs")).json() == {"graphs": []}


async def test_a_tenant_sees_its_own(tmp_path: Path) -> None:
    tokens = {"a": (Secret("a-token"),)}
    async with running(tmp_path, operator_token=Secret("op"), tenants=tokens) as world:
        await world.runner.append([published("aa", "a"), published("bb", "b")])
        world.view.catch_up()
        for token, scopes in (("a-token", ["aa"]), ("op", ["aa", "bb"])):
            headers = {"authorization": f"Bearer {token}"}
            answer = await world.client.get("/api/v1/graphs", headers=headers)
            assert [one["scope_id"] for one in answer.json()["graphs"]] == scopes
            other = await world.client.get("/api/v1/graphs?scope=bb", headers=headers)
            assert len(other.json()["graphs"]) == (token == "op")
        assert (await world.client.get("/api/v1/graphs")).status_code == 401
