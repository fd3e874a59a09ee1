"""Models are listed by their last snapshot; their chunks are nobody's to ask for."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from pipeline.codec import encode
from pipeline.domain.model import Quality, Snapshot
from pipeline.domain.outcome import ModelRecord, chunk_key
from pipeline.domain.secret import Secret
from pipeline.domain.store import Output
from pipeline.models.features.build import VERSION
from tests.edge.world import World, running
from tests.stages.fit.test_fit import outcome

MODEL = "incidents@default"


def snapshot(version: str) -> Snapshot:
    return Snapshot(
        model=MODEL,
        kind="softmax.1",
        features_version=1,
        version=version,
        offset=500,
        learned_count=500,
        chunks_count=1,
        size_bytes=4,
        checksum="c",
        qualities=(Quality(head="noise", outcomes_count=7, accuracy=0.75),),
    )


def records() -> list[Output]:
    events = {
        chunk_key(MODEL, 1, 0): ModelRecord(model=MODEL, slot=1, index=0, body=b"bulk"),
        MODEL: ModelRecord(model=MODEL, slot=1, heads=(snapshot("v2"), snapshot("v1"))),
    }
    return [
        Output(topic="models", key=key, value=encode(event), event=event)
        for key, event in events.items()
    ]


async def test_a_model_is_listed_with_its_quality(world: World) -> None:
    assert (await world.client.get("/api/v1/models")).json() == {"models": []}
    await world.runner.append(records())

    world.view.catch_up()
    (model,) = (await world.client.get("/api/v1/models")).json()["models"]
    assert (model["model"], model["version"], model["before"]) == (MODEL, "v2", "v1")
    (quality,) = model["qualities"]
    assert quality["accuracy"] == 0.75
    assert quality["log_loss"] is None, "what is not known is no number"


async def test_a_tenant_may_not(tmp_path: Path) -> None:
    tokens = {"a": (Secret("a-token"),)}
    async with running(tmp_path, operator_token=Secret("op"), tenants=tokens) as world:
        for token, status in (("a-token", 403), ("op", 200)):
            headers = {"authorization": f"Bearer {token}"}
            answer = await world.client.get("/api/v1/models", headers=headers)
            assert answer.status_code == status
        place = f"/api/v1/models/{MODEL}/rollback"
        answer = await world.client.post(place, headers={"authorization": "Bearer a-token"})
        assert answer.status_code == 403


async def test_an_order_stands_among_the_outcomes_and_is_answered(world: World) -> None:
    learnable = replace(outcome(1), features_version=VERSION)
    await world.runner.append(
        [Output(topic="outcomes", key=MODEL, value=encode(learnable), event=learnable)]
    )
    place = f"/api/v1/models/{MODEL}/shadow"
    done = await world.client.post(place, json={"author": "ann"}, headers={"idempotency-key": "1"})
    assert (done.status_code, done.json()["result"]) == (200, "applied")
    assert "learns from now on (ann)" in done.json()["text"]
    again = await world.client.post(place, headers={"idempotency-key": "1"})
    assert again.json() == done.json()
    refused = await world.client.post(place)
    assert (refused.status_code, refused.json()["reason"]) == (409, "fit.refused")
    assert "a shadow already" in refused.json()["detail"]
    assert [one.order for one in world.events("outcomes")] == ["", "shadow", "shadow"]


async def test_an_order_that_there_is_not_is_a_404(world: World) -> None:
    answer = await world.client.post(f"/api/v1/models/{MODEL}/explode")
    assert answer.status_code == 404
    assert "rollback" in answer.json()["detail"]
    assert world.events("outcomes") == []
