"""The section `models` of topology.yaml: whose models are whose, and what drift does."""

from __future__ import annotations

import re
from typing import Final, Literal

from msgspec import Struct, field

from pipeline.domain.ids import digest64

POOL_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""What a name in a model's name may be; another tenant's is hashed, as keys on `models` have
slashes of their own."""

_PLAIN: Final = re.compile(POOL_PATTERN)


class Models(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each tenant has models of its own unless it says otherwise."""

    share: dict[str, str] = field(default_factory=dict)
    """Tenant → the pool that it joins. Tenants of one pool learn together, in one model, and
    each of them is judged by it; each has to say so itself, with a line of its own."""

    on_drift: Literal["warn", "shadow", "reset"] = "warn"
    """What follows when a model errs more than it did. `warn`: it is counted and shown. `shadow`:
    from the next snapshot on a fresh model learns beside it, and takes its place as soon as it
    is the better one. `reset`: a head whose errors rose by five points forgets, and learns anew."""

    def __post_init__(self) -> None:
        """Raises ValueError for a pool whose name no model can carry."""
        for tenant, pool in self.share.items():
            if not _PLAIN.fullmatch(pool):
                raise ValueError(
                    f"share: the pool {pool!r} of {tenant!r} is no name: write letters, digits, "
                    "dots and dashes, at most 100"
                )

    def name(self, word: str, tenant: str) -> str:
        """The model of a tenant of the kind that `word` says, as domain.outcome has it."""
        pool = self.share.get(tenant)
        if pool is not None:
            return f"{word}+{pool}"
        plain = tenant if _PLAIN.fullmatch(tenant) else f"~{digest64(tenant)}"
        return f"{word}@{plain}"
