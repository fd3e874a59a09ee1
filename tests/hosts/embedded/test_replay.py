"""Replay: equal when nothing changed, named when something did, honest about its reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.app import compose
from pipeline.codec import encode
from pipeline.domain.alert import Alert
from pipeline.domain.call import CallResult
from pipeline.domain.secret import Secret
from pipeline.domain.sink import Delivered
from pipeline.domain.stage import Context
from pipeline.domain.store import Output
from pipeline.engine import Agent
from pipeline.hosts.embedded import bases
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.driver import START_MS
from pipeline.hosts.embedded.host import EmbeddedHost
from pipeline.hosts.embedded.replay import NoWayBack, Replay
from pipeline.topology.declared import Topology
from pipeline.topology.load import load
from tests.engine.toys import Counter, alert

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
            build(rules or topology()),  # type: ignore[arg-type]
            self.globals,
            self.bases,
            from_ms,
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


class Fussy(Counter):
    """Cannot stand results, nor alerts named `boom`."""

    name = "fussy"
    accepts = (Alert, CallResult)  # type: ignore[assignment]

    def process(self, event: Any, ctx: Context) -> None:
        """Raise for a result."""
        if isinstance(event, CallResult):
            raise TypeError("no results here")
        super().process(event, ctx)


def fussy(_hash: str, _slot: str) -> list[Agent]:
    return [Agent(name="one", stages=(Fussy(),), reads={"first": Alert}, writes=("alerts",))]


def fussy_host() -> EmbeddedHost:
    topics = ("first", "alerts", "dead-letters")
    return EmbeddedHost(
        connect(":memory:"), fussy("", ""), topics=topics, globals_={}, now_ms=lambda: START_MS
    )


def replayed(host: EmbeddedHost) -> list[bool]:
    replay = Replay(host.log, fussy, {}, None, 0)
    return [epoch.is_equal for epoch in replay.run(0, START_MS)]


def test_a_result_that_was_poison_is_replayed_to_the_digest() -> None:
    host = fussy_host()
    host.inject("one-0", CallResult(key="k", attempt=1, delivered=Delivered(ref="r")))
    host.step()
    assert host.log.bounds("dead-letters", 0) == (0, 1)
    assert replayed(host) == [True]


def test_what_was_committed_is_not_refused_when_it_is_replayed() -> None:
    """A reload of the same rules forgets how many events raised lately; a replay sees none."""
    host = fussy_host()
    poison = [Output(topic="first", key="k", value=encode(alert("boom")))] * 15
    host.step(poison)
    host.replace_agents(fussy("", ""))
    host.step(poison)
    assert host.halted() == {}
    assert replayed(host) == [True, True]


def test_a_base_is_never_younger_than_its_name(tmp_path: Path) -> None:
    """Epochs may commit between the moment that names a base and the one that it shows."""
    world = World(tmp_path)
    world.alert("A")
    asked_ms = world.now_ms - 10
    bases.take(world.path, world.bases, asked_ms)
    assert bases.nearest(world.bases, asked_ms) is None
    assert bases.nearest(world.bases, world.now_ms) is not None
    epochs = list(world.replay(asked_ms).run(asked_ms, world.now_ms))
    assert {epoch.journal.epoch for epoch in epochs} == {1}


def test_a_base_clears_away_what_a_killed_one_left(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.bases.mkdir()
    for name in ("000000000000001.part", "000000000000001.part-wal"):
        (world.bases / name).write_bytes(b"left")
    path = bases.take(world.path, world.bases, world.now_ms)
    assert list(world.bases.iterdir()) == [path]
