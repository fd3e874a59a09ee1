"""Replay: equal when nothing changed, named when something did, honest about its reach."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.app import compose
from pipeline.domain.secret import Secret
from pipeline.domain.store import Output
from pipeline.engine import Agent
from pipeline.hosts.embedded import bases
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.driver import START_MS
from pipeline.hosts.embedded.host import EmbeddedHost
from pipeline.hosts.embedded.replay import NoWayBack, Replay
from pipeline.topology.declared import Topology
from pipeline.topology.load import load

TEXT = """
receivers: {on-call: {sink: pagerduty, routing_key: "env:KEY"}}
routes: {receiver: on-call}
"""


def topology(text: str = TEXT) -> Topology:
    return load(text, "t", lambda _: Secret("k" * 32))


def build(rules: Topology) -> object:
    def agents(_hash: str, slot: str) -> list[Agent]:
        return compose.agents(rules, compose.wiring(rules, "inst0000", slot=slot))

    return agents


class World:
    """An embedded host over a file, and what replays need of it."""

    def __init__(self, folder: Path) -> None:
        self.now_ms = START_MS
        self.path = str(folder / "tocsin.db")
        self.bases = folder / "bases"
        rules = topology()
        self.types = compose.event_types(rules)
        self.globals = {name: self.types[name] for name in compose.global_topics(rules)}
        self.host = EmbeddedHost(
            connect(self.path),
            build(rules)("", "slot1"),  # type: ignore[operator]
            topics=self.types,
            globals_=self.globals,
            now_ms=lambda: self.now_ms,
        )

    def alert(self, name: str) -> None:
        body = json.dumps({"name": name, "status": "firing", "service": "web"}).encode()
        self.now_ms += 60_000
        self.host.step(
            [Output(topic="raw-alerts", key="", value=body, headers={"format": "native"})]
        )
        while self.host.step()[1]:
            pass

    def replay(self, from_ms: int, rules: Topology | None = None) -> Replay:
        return Replay(
            self.host.log,
            build(rules or topology()),
            self.globals,
            self.bases,
            from_ms,  # type: ignore[arg-type]
        )


def test_the_past_is_replayed_to_the_digest(tmp_path: Path) -> None:
    world = World(tmp_path)
    for n in range(5):
        world.alert(f"A{n}")
    epochs = list(world.replay(0).run(0, world.now_ms))
    assert len(epochs) >= 15
    assert all(epoch.is_equal for epoch in epochs)


def test_a_range_is_replayed_from_the_nearest_base(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.alert("A")
    bases.take(world.path, world.bases, world.now_ms)
    middle = world.now_ms + 1
    world.alert("B")
    epochs = list(world.replay(middle).run(middle, world.now_ms))
    assert {epoch.journal.task for epoch in epochs} == {"intake-0", "decide-0", "deliver-0"}
    assert all(epoch.is_equal and epoch.journal.now_ms >= middle for epoch in epochs)
    assert min(epoch.journal.epoch for epoch in epochs) == 2


def test_other_rules_are_named_where_they_differ(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.alert("A")
    other = topology(TEXT + "correlate: {quiet: 5m}\ninhibit: []\nscope: [cluster]\n")
    epochs = list(world.replay(0, other).run(0, world.now_ms))
    assert not all(epoch.is_equal for epoch in epochs)


def test_a_hole_in_the_log_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.alert("A")
    world.alert("B")
    connection = connect(world.path)
    table = world.host.log.part("raw-alerts", 0).table
    connection.execute(f"DELETE FROM {table} WHERE offset = 0")
    world.host.log.refresh()
    with pytest.raises(NoWayBack, match="choose a later --from"):
        list(world.replay(0).run(0, world.now_ms))
