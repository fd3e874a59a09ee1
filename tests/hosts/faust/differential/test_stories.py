"""Stories on the Kafka host, each then compared with the embedded host driven by its journal.

Some of them run here in any case: they reach every stage and every kind of step. With
TOCSIN_ALL_STORIES=1 all of them do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pipeline.edge.api.models import OUTCOMES
from pipeline.engine import Agent
from pipeline.hosts.embedded.driver import Answer
from pipeline.topology.declared import Topology
from tests.hosts.faust.differential.choice import few
from tests.hosts.faust.differential.comparing import compare
from tests.hosts.faust.differential.driver import KafkaDriver, Scene
from tests.hosts.faust.differential.loop import Loop
from tests.hosts.faust.differential.place import Place
from tests.hosts.faust.differential.runs import at_rest
from tests.real import ROOT
from tests.stories.player import INSTALLATION, Play, stories

ALL = stories(ROOT / "tests" / "stories")
STORIES = ALL if os.environ.get("TOCSIN_ALL_STORIES") == "1" else few(ALL)


@pytest.mark.parametrize(("name", "story"), STORIES, ids=[name for name, _ in STORIES])
def test_story(
    name: str, story: Mapping[str, Any], place: Place, loop: Loop, tmp_path: Path
) -> None:
    with ExitStack() as stack:

        def opening(topology: Topology, agents: Sequence[Agent], answer: Answer) -> KafkaDriver:
            scene = Scene(place=place, loop=loop, topology=topology, folder=tmp_path)
            return stack.enter_context(KafkaDriver(scene, agents, answer))

        app = "story-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
        player = Play(story, opening, {"app": app, "defaults": {"partitions": 1}})
        player.play(story["steps"])
        driver = player.driver
        assert isinstance(driver, KafkaDriver)
        log = driver.copying.catch_up()
        run = at_rest(place.bootstrap, player.topology, INSTALLATION, log, driver.held())
        run.fed = driver.feeding.on(OUTCOMES)  # orders of a model stand among its outcomes
        compare(run).check()
