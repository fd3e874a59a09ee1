"""Every stage of the registry passes the battery."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import registry
from pipeline.app import compose
from pipeline.domain.secret import Secret
from pipeline.domain.stage import INCIDENTS, Stage
from pipeline.topology.load import load
from tests.checks.stage import (
    EVENTS,
    check_batches_do_not_matter,
    check_foreign_events_pass_unchanged,
    check_same_events_same_digest,
    events_for,
)

TEXT = """
receivers: {on-call: {sink: pagerduty, routing_key: "env:KEY"}}
routes: {receiver: on-call}
"""
WIRES = compose.wiring(load(TEXT, "t", lambda _: Secret("k" * 32)), "inst0000", slot="slot")
relaxed = settings(suppress_health_check=[HealthCheck.too_slow], max_examples=25)


def build(name: str) -> Stage:
    return registry.stage_builder(name)(WIRES)


@pytest.mark.parametrize("name", registry.STAGES)
@relaxed
@given(drawn=st.data())
def test_same_events_same_digest(name: str, drawn: Any) -> None:
    check_same_events_same_digest(lambda: build(name), drawn.draw(events_for(build(name))))


@pytest.mark.parametrize("name", registry.STAGES)
@relaxed
@given(drawn=st.data())
def test_batches_do_not_matter(name: str, drawn: Any) -> None:
    check_batches_do_not_matter(lambda: build(name), drawn.draw(events_for(build(name))))


@pytest.mark.parametrize("name", registry.STAGES)
@relaxed
@given(drawn=st.data())
def test_foreign_events_pass_unchanged(name: str, drawn: Any) -> None:
    check_foreign_events_pass_unchanged(build(name), drawn.draw(st.one_of(*EVENTS.values())))


def test_each_table_has_one_owner_and_each_stage_its_own_name() -> None:
    stages = [build(name) for name in registry.STAGES]
    assert [stage.name for stage in stages] == list(registry.STAGES)
    tables = Counter(spec.name for stage in stages for spec in stage.tables)
    assert {name for name, count in tables.items() if count > 1} == set()
    assert INCIDENTS.name not in tables
