"""Writing the catalog: services as `tocsin catalog load` sends them."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import post
from msgspec import Meta, Struct

from pipeline.codec import encode
from pipeline.domain import record as header
from pipeline.domain.catalog import Service
from pipeline.domain.store import Output
from pipeline.edge.api.asking import TheCaller, body_of
from pipeline.edge.deps import AnyRequest, TheEdge
from pipeline.edge.openapi import takes
from pipeline.edge.problem import Problem, invalid

TOPIC: Final = "services"
BATCH_MAX: Final = 2_000

_Services = Annotated[tuple[Service, ...], Meta(max_length=BATCH_MAX)]
_Names = Annotated[tuple[str, ...], Meta(max_length=BATCH_MAX)]


class CatalogChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Services to be written, each whole, and the names of those to be taken away."""

    services: _Services = ()
    removed: _Names = ()


class Written(Struct, frozen=True):
    """How many services were written and taken away."""

    written: int
    removed: int


_decoder: Final = msgspec.json.Decoder(CatalogChange)


@post(
    "/api/v1/services",
    status_code=200,
    summary="Write services of the catalog",
    tags=["catalog"],
    operation_class=takes(CatalogChange),
)
async def post_services(request: AnyRequest, edge: TheEdge, caller: TheCaller) -> Written:
    """Each service takes the place of the former one of its name; for operators."""
    if not caller.is_operator:
        raise Problem(403, "forbidden", "the catalog is written with the operator's token")
    asked = await body_of(request, _decoder)
    for index, service in enumerate(asked.services):
        if not service.name:
            raise invalid(f"services[{index}].name", "is empty")
    headers = {header.TENANT: caller.tenant}
    records = [
        Output(topic=TOPIC, key=one.name, value=encode(one), headers=headers, event=one)
        for one in asked.services
    ]
    records += [
        Output(topic=TOPIC, key=name, value=None, headers=headers) for name in asked.removed
    ]
    if records:
        await edge.deps.appender.append(records)
    return Written(len(asked.services), len(asked.removed))


ROUTES: Final = (post_services,)
