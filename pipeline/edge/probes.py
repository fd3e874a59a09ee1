"""Probes: health, readiness and metrics of a process that takes no alerts, such as a worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from litestar import Litestar, Response, get

from pipeline.edge.health import PROMETHEUS_TEXT, Readiness

RETRY_AFTER: Final = {"retry-after": "5"}


def build_probes(readiness: Callable[[], Sequence[str]], metrics: Callable[[], bytes]) -> Litestar:
    """The application: /healthz, /readyz and /metrics.

    `readiness` gives what speaks against counting on this process, as sentences.
    """

    @get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @get("/readyz")
    async def readyz() -> Response[bytes]:
        complaints = list(readiness())
        body = msgspec.json.encode(Readiness(is_ready=not complaints, complaints=complaints))
        return Response(
            body,
            status_code=503 if complaints else 200,
            media_type="application/json",
            headers=RETRY_AFTER if complaints else {},
        )

    @get("/metrics")
    async def rendered() -> Response[bytes]:
        return Response(metrics(), media_type=PROMETHEUS_TEXT)

    return Litestar(
        route_handlers=[healthz, readyz, rendered], logging_config=None, openapi_config=None
    )
