"""Models are listed by their last snapshot; their chunks are nobody's to ask for."""

from __future__ import annotations

from pathlib import Path

from pipeline.codec import encode
from pipeline.domain.model import Quality, Snapshot
from pipeline.domain.outcome import ModelRecord, chunk_key
from pipeline.domain.secret import Secret
from pipeline.domain.store import Output
from tests.edge.world import World, running

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
