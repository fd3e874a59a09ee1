"""The gate: what holds for every request before anybody looks at it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from pipeline.edge.deps import Edge
from pipeline.edge.problem import Problem

PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics", "/-/healthy", "/-/ready"})
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """Bounds the requests in hand, and keeps web pages of others away from a local Tocsin.

    Where no token is asked for, a browser on this machine could be made to speak for a foreign
    page: by a name that is made to point here, or by a form. Hence Host and Origin are looked at.
    """

    def __init__(self, app: ASGIApp, edge: Edge) -> None:
        self._app = app
        self._edge = edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through. Raises Problem 403 or 503."""
        if scope["type"] != ScopeType.HTTP or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
            self._edge.admission.enter()
        except Problem as problem:
            self._edge.deps.count("edge_refused_requests", 1, {"kind": problem.kind})
            raise
        try:
            await self._app(scope, receive, self._counting(scope, send))
        finally:
            self._edge.admission.leave()

    def _check(self, scope: Scope) -> None:
        if self._edge.access.is_open:
            headers = dict(scope["headers"])
            check_host(headers.get(b"host", b"").decode("latin-1"))
            if scope.get("method") not in _READING:
                check_origin(headers)

    def _counting(self, scope: Scope, send: Send) -> Send:
        """`send`, which also counts the answer by its route (not its path: those are without
        bound) and the class of its status.
        """
        route = str(scope.get("path_template", ""))
        count = self._edge.deps.count

        async def counting(message: Any) -> None:
            if message["type"] == "http.response.start":
                labels = {"route": route, "status": f"{message['status'] // 100}xx"}
                count("edge_requests", 1, labels)
            await send(message)

        return counting


def check_host(host: str) -> None:
    """Raise Problem 403 where Host names another machine than this one."""
    if host and not _is_loopback(host):
        raise Problem(
            403,
            "forbidden",
            f"Host {host[:100]!r} is not this machine: set TOCSIN_TOKEN to be reached by that name",
        )


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def check_origin(headers: dict[bytes, bytes]) -> None:
    """Raise Problem 403 for what a page of another site sends."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin and origin.partition("://")[2] != headers.get(b"host", b"").decode("latin-1"):
        raise Problem(403, "forbidden", f"a page of {origin[:100]!r} has no business here")
