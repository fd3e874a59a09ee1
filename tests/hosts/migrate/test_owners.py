"""Every table and every timer says whose it is, so that it can follow its records."""

from __future__ import annotations

from typing import cast

import pytest

from pipeline import registry
from pipeline.app import compose
from pipeline.domain.stage import INCIDENTS, Timed
from pipeline.engine import Agent
from pipeline.engine.keep import Keep
from pipeline.topology.declared import Topology
from tests.hosts.migrate.worlds import topology_of

SCOPE = "00ff00ff00ff00ff"
INCIDENT = f"{SCOPE}.7"
MODEL = "incidents@default"

ROWS = [
    ("correlate-alerts", f"{SCOPE}/aa", SCOPE),
    ("correlate-groups", f"{SCOPE}/by-service:service=a/b", SCOPE),
    ("correlate-counts", f"{SCOPE}/7", SCOPE),
    ("correlate-scopes", f"{SCOPE}/", SCOPE),
    ("correlate-places", f"{SCOPE}/eu", SCOPE),
    ("correlate-seen", f"{SCOPE}/=k-1", SCOPE),
    ("correlate-ring", f"{SCOPE}/#1", SCOPE),
    ("correlate-links", f"{SCOPE}/7", SCOPE),
    ("incidents", INCIDENT, SCOPE),
    ("inhibiting", f"{SCOPE}/{INCIDENT}", SCOPE),
    ("inhibited", f"{SCOPE}/{INCIDENT}/{SCOPE}.8", SCOPE),
    ("watch-beats", f"{SCOPE}/dead/man", SCOPE),
    ("watch-roll", f"{SCOPE}/", SCOPE),
    ("lasted", f"{SCOPE}/aa", SCOPE),
    ("sense-open", f"{SCOPE}/aa", SCOPE),
    ("sense-series", f"{SCOPE}/aa", SCOPE),
    ("sense-roster", f"{SCOPE}/", SCOPE),
    ("sense-alarms", f"{SCOPE}/aa", SCOPE),
    ("sense-places", f"{SCOPE}/aa", SCOPE),
    ("sense-graphs", f"{SCOPE}/", SCOPE),
    ("classify-decided", INCIDENT, SCOPE),
    ("foresee-services", f"{SCOPE}/shop/eu", SCOPE),
    ("foresee-scopes", f"{SCOPE}/", SCOPE),
    ("fit-models", MODEL, MODEL),
    ("fit-learned", f"{MODEL}/00007", MODEL),
    ("fit-chunks", f"{MODEL}/0003", MODEL),
    ("outbox", f"on-call/{INCIDENT}/00000001", "on-call"),
    ("lanes", f"on-call/{INCIDENT}", "on-call"),
    ("receivers", "on-call", "on-call"),
    ("tickets", "on-call/urgent/3", "on-call"),
]

TIMERS = [
    ("correlate", f"a/{SCOPE}/aa", SCOPE),
    ("correlate", f"g/{SCOPE}/by-service:service=a/b", SCOPE),
    ("correlate", f"i/{SCOPE}/7", SCOPE),
    ("correlate", f"p/{SCOPE}/eu", SCOPE),
    ("correlate", f"s/{SCOPE}/", SCOPE),
    ("watch", f"{SCOPE}/dead/man", SCOPE),
    ("route", INCIDENT, SCOPE),
    ("keep", INCIDENT, SCOPE),
    ("sense", f"{SCOPE}/aa", SCOPE),
    ("classify", INCIDENT, SCOPE),
    ("foresee", f"{SCOPE}/shop/eu", SCOPE),
    ("fit", MODEL, MODEL),
    ("send", f"lane/on-call/{INCIDENT}", "on-call"),
    ("send", "receiver/on-call", "on-call"),
]


@pytest.fixture(scope="module")
def topology() -> Topology:
    return topology_of("routes: {receiver: none}")


@pytest.fixture(scope="module")
def agents(topology: Topology) -> list[Agent]:
    return compose.agents(topology, compose.wiring(topology, "abcdefgh"))


def test_every_registered_table_says_whose_its_rows_are(agents: list[Agent]) -> None:
    stages = [stage for agent in agents for stage in agent.stages]
    assert {stage.name for stage in stages} == set(registry.STAGES)
    tables = [INCIDENTS, *(spec for stage in stages for spec in stage.tables)]
    assert [spec.name for spec in tables if spec.owner is None] == []
    assert {spec.name for spec in tables} - {name for name, _, _ in ROWS} == {"announced"}


@pytest.mark.parametrize(("table", "key", "owner"), ROWS)
def test_a_row_is_its_scopes_or_its_receivers(
    agents: list[Agent], table: str, key: str, owner: str
) -> None:
    specs = [INCIDENTS, *(s for agent in agents for stage in agent.stages for s in stage.tables)]
    (spec,) = [spec for spec in specs if spec.name == table]
    assert spec.owner is not None
    assert spec.owner(key) == owner


@pytest.mark.parametrize(("stage", "key", "owner"), TIMERS)
def test_a_timer_is_where_its_row_is(agents: list[Agent], stage: str, key: str, owner: str) -> None:
    found = [Keep(), *(each for agent in agents for each in agent.stages)]
    (timed,) = [each for each in found if each.name == stage]
    assert cast("Timed", timed).owner_of_wake(key) == owner


def test_every_stage_that_is_woken_is_in_the_table_above(agents: list[Agent]) -> None:
    stages = [Keep(), *(stage for agent in agents for stage in agent.stages)]
    timed = {stage.name for stage in stages if hasattr(stage, "owner_of_wake")}
    assert timed == {stage for stage, _, _ in TIMERS}
    assert {stage.name for stage in stages} - timed == {"ingest", "enrich", "announce"}
