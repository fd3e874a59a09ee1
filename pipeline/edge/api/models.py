"""Models: which there are, which snapshot of each is judged by, and how good it is now."""

from __future__ import annotations

from typing import Final

from litestar import get
from msgspec import Struct

from pipeline.domain.model import Quality, Snapshot
from pipeline.domain.outcome import ModelRecord
from pipeline.edge.api.asking import TheCaller, ask
from pipeline.edge.deps import TheEdge
from pipeline.edge.problem import Problem
from pipeline.edge.view import questions

TOPIC: Final = "models"


class ListedModel(Struct, frozen=True, kw_only=True):
    """One model by its last snapshot; `before` is the version that it falls back to."""

    model: str
    kind: str
    version: str
    features_version: int
    learned_count: int
    size_bytes: int
    before: str
    qualities: tuple[Quality, ...]


class ModelList(Struct, frozen=True):
    """All models that have a snapshot, by name."""

    models: list[ListedModel]


@get("/api/v1/models", summary="List models", tags=["models"])
async def list_models(edge: TheEdge, caller: TheCaller) -> ModelList:
    """Every model with its quality on what it had not yet learned; for operators."""
    if not caller.is_operator:
        raise Problem(403, "forbidden", "models are listed with the operator's token")
    records: list[ModelRecord] = await ask(edge, questions.things, TOPIC)
    return ModelList([_listed(record) for record in records if record.heads])


def _listed(record: ModelRecord) -> ListedModel:
    head: Snapshot = record.heads[0]
    return ListedModel(
        model=record.model,
        kind=head.kind,
        version=head.version,
        features_version=head.features_version,
        learned_count=head.learned_count,
        size_bytes=head.size_bytes,
        before=record.heads[1].version if len(record.heads) > 1 else "",
        qualities=head.qualities,
    )


ROUTES: Final = (list_models,)
