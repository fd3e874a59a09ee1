"""The laws of what `sense` keeps: bounded, restored as it was, and no value or clock breaks it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.alert import Alert
from pipeline.domain.incident import Incident
from pipeline.domain.stage import Update
from pipeline.stages.sense import roster
from pipeline.stages.sense.tables import OPEN, ROSTER, SERIES
from tests.checks.stage import world
from tests.stages.sense.given import Scope, stage

NAMES = 100_000
EPOCH = 2_000
ROW_BYTES_MAX = 400
SERIES_BYTES_MAX = 3_000


def test_a_hundred_thousand_names_stay_within_the_limit() -> None:
    incident = Incident(
        incident_id="5c09e00000000000.1", scope_id="5c09e00000000000", tenant="default",
        status="triggered", title="", severity="info", group_key="", rule="",
    )  # fmt: skip
    events = [
        Update(
            incident=msgspec.structs.replace(incident, firing_count=number + 1),
            cause=Alert(
                alert_id="o", fingerprint="f", name=f"{'n' * 150}{number}", service="s" * 150,
                metric=f"m{number}", value=1.0,
            ),
        )
        for number in range(NAMES)
    ]  # fmt: skip
    chain, _, records = world(stage(), events)
    for start in range(0, NAMES, EPOCH):
        assert chain.run(records[start : start + EPOCH]).raised == 0
        chain.advance("1s")

    assert len(chain.table(OPEN)) == roster.SERIES_MAX
    assert len(chain.table(SERIES)) <= roster.SERIES_MAX
    assert [row.count for row in chain.table(ROSTER).values()] == [roster.SERIES_MAX]
    assert chain.reasons["sense.full"] == 2 * NAMES - roster.SERIES_MAX
    sizes = [len(msgspec.msgpack.encode(row)) for row in chain.table(OPEN).values()]
    assert max(sizes) <= ROW_BYTES_MAX


instants = st.integers(-(2**62), 2**62) | st.sampled_from([0, 1, 1_700_000_000_000])
steps = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["a", "b", "é" * 300, ""]),
            "service": st.sampled_from(["", "db"]),
            "metric": st.sampled_from(["", "m"]),
            "value": st.floats(),
            "received_at_ms": instants,
            "starts_at_ms": st.just(0),
        }
    ),
    max_size=30,
)


def rows(scope: Scope) -> dict[str, Any]:
    return {spec.name: scope.chain.table(spec) for spec in (OPEN, SERIES, ROSTER)}


@settings(max_examples=40)
@given(steps, st.sampled_from(["1s", "6m", "1d"]), st.integers(0, 30))
def test_restored_at_any_place_it_goes_on_as_it_was(
    given_steps: list[dict[str, Any]], every: str, restart_at: int
) -> None:
    straight, restored = Scope(), Scope()
    for number, fields in enumerate(given_steps):
        if number == restart_at:
            restored.chain.restart()
        for scope in (straight, restored):
            scope.fire(**fields)
            scope.chain.advance(every)
    assert rows(straight) == rows(restored)
    assert repr(straight.incidents()) == repr(restored.incidents())
    assert "dead-letter.raised" not in straight.chain.reasons
    for row in straight.chain.table(OPEN).values():
        assert len(msgspec.msgpack.encode(row)) <= 2 * ROW_BYTES_MAX
    for kept in straight.chain.table(SERIES).values():
        assert len(kept.packed) <= SERIES_BYTES_MAX


@pytest.mark.parametrize("broken", [b"", b"\xc1", b"\x90", b"x" * 5000])
def test_a_series_that_cannot_be_read_begins_anew(broken: bytes) -> None:
    scope = Scope()
    scope.quiet_days(2)
    ((key, kept),) = scope.chain.table(SERIES).items()
    table = scope.chain.task._tables["sense-series"]
    table.put(key, msgspec.structs.replace(kept, packed=broken))
    scope.chain.run([])
    scope.quiet_days(1)
    assert scope.chain.table(SERIES)[key].packed != broken
    assert "dead-letter.raised" not in scope.chain.reasons
