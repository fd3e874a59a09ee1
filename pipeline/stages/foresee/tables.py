"""What foresee remembers: per service what is counted of it and answered about it, per scope how
many services that are and when its own alerts began.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.domain.foresight import Counts
from pipeline.domain.incident import Risk
from pipeline.domain.stage import TableSpec, before_slash
from pipeline.stages.foresee.waiting import Waiting

NAME_CHARS_MAX: Final = 200
"""Of a service's name in a key; services that only differ later count as one."""


class ServiceRow(Struct, frozen=True, array_like=True):
    """One service (`<scope_id>/<service>`), at most some 10 KB.

    `asked_until_ms` is until when it is asked about, `wake_at_ms` when it is looked at next
    (0: never). `risk` is the last answer. `shown_on` are the latest incidents that may be open
    there, `had` those that counted as one, both the latest last. `told_at_ms` is when its own
    alert began that fires now, `silent_until_ms` until when no other one may begin.
    """

    counts: Counts = Counts()
    waiting: Waiting = ()
    risk: Risk = Risk()
    asked_until_ms: int = 0
    wake_at_ms: int = 0
    shown_on: tuple[str, ...] = ()
    had: tuple[str, ...] = ()
    told_at_ms: int = 0
    silent_until_ms: int = 0


class ScopeRow(Struct, frozen=True, array_like=True):
    """One scope (`<scope_id>/`): the values of its labels, how many services it has, and when its
    own alerts of the last day began.
    """

    values: tuple[str, ...] = ()
    services_count: int = 0
    told_at_ms: tuple[int, ...] = ()


def service_key(scope: str, service: str) -> str:
    """The key of a service's row."""
    return f"{scope}/{service[:NAME_CHARS_MAX]}"


SERVICES: Final = TableSpec(name="foresee-services", type=ServiceRow, owner=before_slash)
SCOPES: Final = TableSpec(name="foresee-scopes", type=ScopeRow, owner=before_slash)
