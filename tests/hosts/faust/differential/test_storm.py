"""The recorded storm on the Kafka host, over several partitions and with receivers that fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.app import compose
from pipeline.domain.call import CallResult
from pipeline.domain.sink import Delivered, Retry
from pipeline.engine import Agent
from pipeline.engine.agent import DEAD_LETTERS
from pipeline.hosts.embedded.driver import START_MS, Driver
from pipeline.topology.declared import Topology
from tests.hosts.faust.differential.comparing import Run, compare
from tests.hosts.faust.differential.driver import KafkaDriver, Scene
from tests.hosts.faust.differential.loop import Loop
from tests.hosts.faust.differential.place import Place
from tests.hosts.faust.differential.runs import at_rest
from tests.hosts.faust.differential.storm import Moment, moments, storm_text, storm_topology, world

INSTALLATION = "storm000"
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


def agents(topology: Topology, run: int = 1) -> list[Agent]:
    return compose.agents(topology, compose.wiring(topology, INSTALLATION, slot=f"slot{run}"))


def play(driver: Driver | KafkaDriver, storm: list[Moment], after: Callable[[int], None]) -> None:
    """The whole storm, and two minutes of calm."""
    for output in world(START_MS):
        driver.append([output])
    passed_ms = 0
    for number, moment in enumerate(storm):
        driver.advance(moment.at_ms - passed_ms)
        passed_ms = moment.at_ms
        driver.append(moment.outputs)
        after(number)
    driver.advance("2m")


def ended(driver: Driver | KafkaDriver) -> tuple[list[str], int]:
    """How it ended: every incident, and how many pages there were. What an incident is called
    after is the first of its alerts, which over several partitions may be another one.
    """
    incidents = [
        f"{one.status} {one.severity} {one.title.partition(' on ')[0]}"
        f" ({one.firing_count}/{one.alert_count})"
        for one in driver.table("incidents").values()
    ]
    told = [f"{r.result} {r.action}" for r in driver.read("receipts")]
    return sorted(incidents), told.count("delivered trigger")


def embedded(topology: Topology, storm: list[Moment]) -> tuple[list[str], int]:
    types = compose.event_types(topology)
    known = compose.global_topics(topology)
    driver = Driver(agents(topology), types=types, globals_=known, answer=answer)
    play(driver, storm, lambda _: None)
    return ended(driver)


def test_the_storm_is_the_same_on_both_hosts(place: Place, loop: Loop, tmp_path: Path) -> None:
    defaults = {"partitions": PARTITIONS, "replication": 1}
    topology = storm_topology(storm_text(app="storm", defaults=defaults))
    storm = asyncio.run(moments(topology, START_MS))
    scene = Scene(place=place, loop=loop, topology=topology, folder=tmp_path, store="memory")
    with KafkaDriver(scene, agents(topology), answer) as driver:

        def restart_twice(number: int) -> None:
            if number in (len(storm) // 3, len(storm) // 2):
                driver.restart(agents(topology, number))

        play(driver, storm, restart_twice)
        end = ended(driver)
        log = driver.copying.catch_up()
        run = at_rest(place.bootstrap, topology, INSTALLATION, log, driver.held())
        run.fed = driver.feeding.on(DEAD_LETTERS)
    found = compare(run)
    found.check()
    assert found.tasks > PARTITIONS
    assert end == embedded(topology, storm)
    _check_that_it_can_fail(run)


def _check_that_it_can_fail(run: Run) -> None:
    """Without one of the records that the engine wrote, the run is not equal."""
    for topic in ("audit", "incidents", DEAD_LETTERS):
        place = next(at for at, records in run.log.records.items() if at[0] == topic and records)
        lost = run.log.records[place].pop()
        with pytest.raises(AssertionError, match=f"{topic}, key {lost.key!r}: 1 × in the replay"):
            compare(run).check()
        run.log.records[place].append(lost)
