"""The end of decide's chain: how long a resolved incident stays."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.alert import Alert
from pipeline.domain.incident import RESOLVED
from pipeline.domain.stage import INCIDENTS, Context, TableSpec, Update
from tests.chain import Chain
from tests.engine.toys import alert, incident


class Resolver:
    """Forwards each alert as a resolved incident."""

    name = "resolver"
    accepts = (Alert,)
    tables: tuple[TableSpec[Any], ...] = ()

    def process(self, event: Alert, ctx: Context) -> None:
        """Resolve an incident named as the alert."""
        found = replace(
            incident(event.name, 1),
            status=RESOLVED,
            resolved_at_ms=ctx.now_ms,
            is_test=event.is_test,
        )
        ctx.forward(Update(incident=found, cause=event))

    def wake(self, key: str, ctx: Context) -> None:
        """Asks for none."""


@pytest.mark.parametrize(("is_test", "stays", "goes"), [(False, "29d", "2d"), (True, "59m", "2m")])
def test_a_resolved_incident_leaves_a_test_soon(is_test: bool, stays: str, goes: str) -> None:
    chain = Chain([Resolver()])
    chain.send("alerts", "k", alert("s.1", is_test=is_test))
    chain.advance(stays)
    assert "s.1" in chain.table(INCIDENTS)
    chain.advance(goes)
    assert "s.1" not in chain.table(INCIDENTS)
    assert chain.outputs("incidents")[-1] is None
