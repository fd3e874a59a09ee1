"""The catalog is written by operators, whole services at a time."""

from __future__ import annotations

from pathlib import Path

from pipeline.domain.secret import Secret
from pipeline.edge.api.catalog import BATCH_MAX
from tests.edge.world import World, running

SERVICES = {"services": [{"name": "web", "team": "shop", "dependencies": ["db"]}, {"name": "db"}]}


async def test_services_are_written_replaced_and_removed(world: World) -> None:
    answer = await world.client.post("/api/v1/services", json=SERVICES)
    assert (answer.status_code, answer.json()) == (200, {"written": 2, "removed": 0})
    assert [event.name for event in world.events("services")] == ["web", "db"]
    answer = await world.client.post("/api/v1/services", json={"removed": ["db"]})
    assert answer.json() == {"written": 0, "removed": 1}
    assert world.records("services")[-1].value is None
    assert world.records("services")[-1].key == "db"


async def test_what_is_wrong_names_its_field(world: World) -> None:
    for body, path in (
        ({"services": [{"name": ""}]}, "services[0].name"),
        ({"services": [{"team": "a"}]}, "services[0].name"),
        ({"services": [{"name": "a", "tier": "one"}]}, "services[0].tier"),
        ({"removed": ["x"] * (BATCH_MAX + 1)}, "removed"),
    ):
        answer = await world.client.post("/api/v1/services", json=body)
        assert answer.status_code == 400
        assert [error["path"] for error in answer.json()["errors"]] == [path]
    assert world.records("services") == []


async def test_a_tenant_may_not(tmp_path: Path) -> None:
    tokens = {"a": (Secret("a-token"),)}
    async with running(tmp_path, operator_token=Secret("op"), tenants=tokens) as world:
        for token, status in (("a-token", 403), ("op", 200)):
            headers = {"authorization": f"Bearer {token}"}
            answer = await world.client.post("/api/v1/services", json=SERVICES, headers=headers)
            assert answer.status_code == status
