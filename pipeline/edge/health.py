"""Probes and metrics: is the process alive, may work be sent here, how is it doing."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import Response, get
from msgspec import Struct

from pipeline.edge.deps import AnyRequest, TheEdge
from pipeline.edge.problem import Problem

PROMETHEUS_TEXT: Final = "text/plain; version=0.0.4"


class Readiness(Struct, frozen=True, kw_only=True):
    """`complaints` says what speaks against sending work here, as sentences."""

    is_ready: bool
    complaints: list[str]


@get("/healthz", summary="Whether the process lives", tags=["probes"])
async def healthz() -> dict[str, str]:
    """200 as long as requests are answered at all."""
    return {"status": "ok"}


@get("/readyz", summary="Whether work may be sent here", tags=["probes"])
async def readyz(edge: TheEdge) -> Response[bytes]:
    """200, or 503 with what is wrong."""
    complaints = list(edge.deps.readiness())
    body = msgspec.json.encode(Readiness(is_ready=not complaints, complaints=complaints))
    headers = {"retry-after": "5"} if complaints else {}
    return Response(
        body,
        status_code=503 if complaints else 200,
        media_type="application/json",
        headers=headers,
    )


@get("/metrics", summary="Metrics for Prometheus", tags=["probes"])
async def metrics(request: AnyRequest, edge: TheEdge) -> Response[bytes]:
    """Prometheus' text format; for the operator, since tenants show in it."""
    if not edge.access.caller(request.headers).is_operator:
        raise Problem(403, "forbidden", "metrics are for the operator's token")
    return Response(edge.deps.metrics(), media_type=PROMETHEUS_TEXT)


ROUTES: Final = (healthz, readyz, metrics)
