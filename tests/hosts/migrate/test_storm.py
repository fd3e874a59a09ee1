"""The recorded storm, begun on the embedded host and ended on Kafka, against one that stayed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from pipeline.app import compose
from pipeline.domain.call import CallResult
from pipeline.domain.sink import Delivered, Retry
from pipeline.hosts.embedded.driver import START_MS
from pipeline.hosts.migrate.routing import Routing
from tests.hosts.faust.differential.driver import Scene
from tests.hosts.faust.differential.loop import Loop
from tests.hosts.faust.differential.place import Place
from tests.hosts.faust.differential.storm import Moment, moments, storm_text, world
from tests.hosts.migrate.worlds import (
    After,
    OnDisk,
    migrate,
    partition_of_row,
    state_on,
    topology_of,
)

PARTITIONS = 4


def answer(key: str, entry: Any) -> CallResult:
    """Of a receiver that fails now and then; the same for the same call in any run."""
    number = sum(key.encode()) + entry.attempt
    if entry.attempt == 1 and number % 4 == 0:
        return CallResult(key=key, attempt=entry.attempt, retry=Retry(why="503", status=503))
    if entry.attempt == 1 and number % 4 == 1:
        doubt = Retry(why="no answer", is_ambiguous=True)
        return CallResult(key=key, attempt=entry.attempt, retry=doubt)
    return CallResult(key=key, attempt=entry.attempt, delivered=Delivered(ref=key, status=202))


def play(driver: Any, storm: list[Moment], passed_ms: int = 0) -> None:
    """A part of the storm, from an instant of it on."""
    for moment in storm:
        driver.advance(moment.at_ms - passed_ms)
        passed_ms = moment.at_ms
        driver.append(moment.outputs)


def ended(driver: Any) -> list[str]:
    """Every incident, as it ended."""
    return sorted(
        f"{one.status} {one.severity} {one.title.partition(' on ')[0]}"
        f" ({one.firing_count}/{one.alert_count})"
        for one in driver.table("incidents").values()
    )


def test_a_storm_goes_on_where_it_was(place: Place, loop: Loop, tmp_path: Path) -> None:
    defaults = {"partitions": PARTITIONS, "replication": 1}
    text = storm_text(app="storm", defaults=defaults)
    topology = topology_of(text)
    storm = asyncio.run(moments(topology, START_MS))
    half = len(storm) * 3 // 4

    stayed = OnDisk(tmp_path / "stayed", text, answer)
    moved = OnDisk(tmp_path / "moved", text, answer)
    for driver in (stayed, moved):
        for output in world(START_MS):
            driver.append([output])
        play(driver, storm[:half])
    before, pages_before = moved.rows(), [key for _, key, _ in moved.calls]
    assert any(one.is_open for one in moved.table("incidents").values())
    assert {table for table, _ in before} >= {"wakes", "wake-of", "lanes", "correlate-alerts"}
    known, now_ms = moved.installation, moved.now_ms
    moved.close()

    place.begin(topology)
    outcome = migrate(tmp_path / "moved", place.bootstrap, text)
    assert outcome.found.refusals == ()
    assert outcome.is_carried
    assert outcome.found.installation == known

    after = state_on(place.bootstrap, topology)
    assert {row: value for row, (_, _, value) in after.items()} == before
    routing = Routing(topology, compose.agents(topology, compose.wiring(topology, "")))
    assert {row: (a, p) for row, (a, p, _) in after.items()} == {
        row: partition_of_row(routing, row) for row in before
    }
    assert len({p for a, p, _ in after.values() if a == "decide"}) > 1

    scene = Scene(
        place=place, loop=loop, topology=topology, folder=tmp_path / "slot", start_ms=now_ms
    )
    (tmp_path / "slot").mkdir()
    agents = compose.agents(topology, compose.wiring(topology, known, slot="kafka"))
    with After(scene, agents, answer) as after_it:
        for each in (stayed, after_it):
            play(each, storm[half:], storm[half - 1].at_ms)
            each.advance("2m")
        assert ended(after_it) == ended(stayed)
        for task, held in after_it.held().items():
            agent, _, number = task.rpartition("-")
            homes = {partition_of_row(routing, row) for row in held.rows}
            assert homes <= {(agent, int(number))}
    assert pages_before
    stayed.close()
