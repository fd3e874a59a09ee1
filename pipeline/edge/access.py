"""Access: whose tenant a caller is, by its bearer token (RFC 6750)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from pipeline.domain.record import DEFAULT_TENANT
from pipeline.domain.secret import Secret
from pipeline.edge.problem import Problem

_CHALLENGE: Final = {"www-authenticate": 'Bearer realm="tocsin"'}


class Caller(Struct, frozen=True):
    """Who asks. An operator sees every tenant's things, anybody else only its own."""

    tenant: str = DEFAULT_TENANT
    is_operator: bool = False

    def may_see(self, tenant: str) -> bool:
        """Whether a thing of this tenant is the caller's business."""
        return self.is_operator or tenant == self.tenant


class Access:
    """The tokens. Without an operator's token whoever shows none is the operator: the caller of
    `build` allows that on loopback only.
    """

    def __init__(
        self, operator_token: Secret | None, tenants: Mapping[str, Sequence[Secret]]
    ) -> None:
        self.is_open = operator_token is None
        self._known: list[tuple[bytes, Caller]] = []
        if operator_token is not None:
            self._add(operator_token, Caller(DEFAULT_TENANT, is_operator=True))
        for tenant, tokens in tenants.items():
            for token in tokens:
                self._add(token, Caller(tenant))

    def _add(self, token: Secret, caller: Caller) -> None:
        # An empty token comes of a reference that could not be resolved; it must open nothing.
        if token.reveal():
            self._known.append((token.reveal().encode(), caller))

    def caller(self, headers: Mapping[str, Any]) -> Caller:
        """The caller behind an Authorization header. Raises Problem 401."""
        given = headers.get("authorization")
        if not given:
            if self.is_open:
                return Caller(DEFAULT_TENANT, is_operator=True)
            raise Problem(
                401, "unauthorized", "show a token: Authorization: Bearer …", headers=_CHALLENGE
            )
        scheme, _, token = str(given).partition(" ")
        found: Caller | None = None
        if scheme.lower() == "bearer":
            shown = token.strip().encode("utf-8", "replace")
            for known, caller in self._known:
                # All are compared, so that the time tells nothing of which one is near.
                if hmac.compare_digest(known, shown):
                    found = caller
        if found is None:
            raise Problem(401, "unauthorized", "nobody knows this token", headers=_CHALLENGE)
        return found
