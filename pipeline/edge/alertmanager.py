"""What Prometheus and amtool ask of an Alertmanager besides taking alerts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from litestar import Response, get

from pipeline.edge.deps import AnyRequest, TheEdge


@get("/api/v2/status", summary="Alertmanager's status", tags=["alertmanager"])
async def status(request: AnyRequest, edge: TheEdge) -> dict[str, Any]:
    """The shape of Alertmanager's API v2; there is no cluster, and its configuration is ours."""
    edge.access.caller(request.headers)
    started_at = datetime.fromtimestamp(edge.started_at_ms / 1000, UTC)
    unknown = dict.fromkeys(("revision", "branch", "buildUser", "buildDate", "goVersion"), "")
    return {
        "cluster": {"status": "disabled", "peers": []},
        "versionInfo": {"version": f"tocsin-{edge.deps.version}", **unknown},
        "config": {"original": ""},
        "uptime": started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


@get(["/-/healthy", "/-/ready"], summary="Alertmanager's probes", tags=["alertmanager"])
async def probe(request: AnyRequest, edge: TheEdge) -> Response[bytes]:
    """OK; `/-/ready` is 503 as long as something speaks against sending work here."""
    is_ready = request.scope["path"].endswith("healthy") or not edge.deps.readiness()
    return Response(
        b"OK" if is_ready else b"not ready: see /readyz",
        status_code=200 if is_ready else 503,
        media_type="text/plain",
    )


ROUTES: Final = (status, probe)
