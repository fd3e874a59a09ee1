"""A folder to be moved, and what is looked at once it was."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

from pipeline.app import compose
from pipeline.hosts.migrate.routing import Routing
from pipeline.topology.apply.control import Control, read_control
from tests.hosts.faust.differential.copied import copy
from tests.hosts.faust.differential.driver import Scene
from tests.hosts.faust.differential.loop import Loop
from tests.hosts.faust.differential.place import Place
from tests.hosts.migrate.lives import Receivers, begin, go_on, stayed, text_of
from tests.hosts.migrate.worlds import After, Row, partition_of_row, state_on, topology_of

TEXT = text_of()


class Life:
    """A folder, its rows, and how it would have gone on."""

    def __init__(self, folder: Path) -> None:
        self.rows, self.now_ms = begin(folder / "begun", TEXT)
        shutil.copytree(folder / "begun", folder / "stayed")
        self.end = stayed(folder / "stayed", TEXT, self.now_ms)
        self._folder = folder / "begun"

    def copied(self, to: Path) -> Path:
        """The folder as it was left, for one test."""
        return Path(shutil.copytree(self._folder, to / "source"))


def control(place: Place, app: str = "shop") -> Control:
    return asyncio.run(read_control({"bootstrap_servers": place.bootstrap}, app))


def check_state(place: Place, text: str, rows: dict[Row, bytes]) -> None:
    """Every row is where it belongs, once, as it was."""
    topology = topology_of(text)
    found = state_on(place.bootstrap, topology)
    assert {row: value for row, (_, _, value) in found.items()} == rows
    routing = Routing(topology, compose.agents(topology, compose.wiring(topology, "")))
    homes = {row: (agent, number) for row, (agent, number, _) in found.items()}
    assert homes == {row: partition_of_row(routing, row) for row in rows}


def scene_of(place: Place, loop: Loop, text: str, folder: Path, now_ms: int) -> Scene:
    folder.mkdir()
    topology = topology_of(text)
    return Scene(place=place, loop=loop, topology=topology, folder=folder, start_ms=now_ms)


def went_on(place: Place, loop: Loop, life: Life, folder: Path, text: str = TEXT) -> list[str]:
    """How it went on, by a worker on Kafka."""
    receivers = Receivers()
    topology = topology_of(text)
    found = control(place, topology.app)
    assert found.applied == topology.hash
    agents = compose.agents(topology, compose.wiring(topology, found.installation, slot="next"))
    with After(scene_of(place, loop, text, folder, life.now_ms), agents, receivers) as driver:
        return go_on(driver, receivers)


def keys(place: Place, *topics: str) -> list[tuple[str, str, Any]]:
    """(topic, key, value) of all committed records, in some order that is always the same."""
    log = copy(place.bootstrap, topics)
    return sorted((r.topic, r.key, r.value) for rs in log.records.values() for r in rs)
