"""Models: which there are, which snapshot of each is judged by, how good it is, and orders."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from msgspec import Struct

from pipeline.codec import encode
from pipeline.domain import record as header
from pipeline.domain.model import Quality, Snapshot
from pipeline.domain.outcome import ORDERS, ModelRecord, Outcome
from pipeline.domain.store import Output
from pipeline.edge.access import Caller
from pipeline.edge.api.asking import TheCaller, ask, body_of
from pipeline.edge.api.commands import AUTHOR_CHARS_MAX, answer, append, id_of, result_of
from pipeline.edge.deps import AnyRequest, TheEdge
from pipeline.edge.openapi import takes
from pipeline.edge.problem import Problem, not_found
from pipeline.edge.view import questions

TOPIC: Final = "models"
OUTCOMES: Final = "outcomes"
NAME_CHARS_MAX: Final = 200


class ListedModel(Struct, frozen=True, kw_only=True):
    """One model by its last snapshot; `before` is the version that it falls back to, and
    `qualities_before` how good that one was.
    """

    model: str
    kind: str
    version: str
    features_version: int
    learned_count: int
    size_bytes: int
    before: str
    qualities: tuple[Quality, ...]
    qualities_before: tuple[Quality, ...] = ()


class ModelList(Struct, frozen=True):
    """All models that have a snapshot, by name."""

    models: list[ListedModel]


@get("/api/v1/models", summary="List models", tags=["models"])
async def list_models(edge: TheEdge, caller: TheCaller) -> ModelList:
    """Every model with its quality on what it had not yet learned; for operators."""
    _check(caller)
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
        qualities_before=record.heads[1].qualities if len(record.heads) > 1 else (),
    )


class OrderBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an order. It may be left out."""

    author: str = ""


_decoder: Final = msgspec.json.Decoder(OrderBody)


@post(
    "/api/v1/models/{model:str}/{order:str}",
    status_code=200,
    summary="Order something of a model",
    tags=["models"],
    operation_class=takes(OrderBody),
)
async def order_model(
    request: AnyRequest,
    edge: TheEdge,
    caller: TheCaller,
    model: FromPath[str],
    order: FromPath[str],
) -> Response[bytes]:
    """rollback, shadow, unshadow or promote; for operators.

    200 applied, 409 refused with the reason, 202 with its id where nothing came of it within 5 s.
    It takes effect at its place among the outcomes of the model.
    """
    _check(caller)
    if order not in ORDERS:
        raise not_found(f"{order[:100]!r} is no order; there are {', '.join(ORDERS)}")
    if len(model) > NAME_CHARS_MAX:
        raise not_found("no model has so long a name")
    asked = await body_of(request, _decoder)
    order_id = id_of(request, caller)
    known = await result_of(edge, caller, order_id)
    if known is not None:
        return await answer(edge, known)
    made = Outcome(
        model=model,
        incident_id="",
        tenant=caller.tenant,
        version="",
        order=order,
        order_id=order_id,
        author=asked.author[:AUTHOR_CHARS_MAX] or "operator",
        turned_out_at_ms=edge.deps.now_ms(),
    )
    headers = {header.TENANT: caller.tenant}
    record = Output(topic=OUTCOMES, key=model, value=encode(made), headers=headers, event=made)
    return await append(edge, order_id, record)


def _check(caller: Caller) -> None:
    if not caller.is_operator:
        raise Problem(403, "forbidden", "models are the operator's: use the operator's token")


ROUTES: Final = (list_models, order_model)
