"""What is learned on Kafka, across a new run of the worker, is what the embedded host learns."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from pipeline.domain.outcome import HEAD
from pipeline.engine import Agent
from pipeline.hosts.embedded.driver import Answer
from pipeline.stages.fit.stage import FIRST
from pipeline.topology.declared import Topology
from tests.app.test_learning import STORY, Company
from tests.hosts.faust.differential.comparing import compare
from tests.hosts.faust.differential.driver import KafkaDriver, Scene
from tests.hosts.faust.differential.loop import Loop
from tests.hosts.faust.differential.place import Place
from tests.hosts.faust.differential.runs import at_rest
from tests.stories.player import INSTALLATION, Play


def test_a_model_is_learned_across_a_restart(place: Place, loop: Loop, tmp_path: Path) -> None:
    with ExitStack() as stack:

        def opening(topology: Topology, agents: Sequence[Agent], answer: Answer) -> KafkaDriver:
            scene = Scene(place=place, loop=loop, topology=topology, folder=tmp_path)
            return stack.enter_context(KafkaDriver(scene, agents, answer))

        player = Play(STORY, opening, {"app": "learning", "defaults": {"partitions": 1}})
        driver = player.driver
        assert isinstance(driver, KafkaDriver)
        company = Company(player)
        batches = FIRST // 50
        company.live(batches // 2)  # two outcomes each: the first snapshot is made of all
        driver.restart(player.agents())
        company.live(batches // 2)
        assert company.alert("a", "ledger").classification.team.reason == "classify.model"
        assert [record for record in driver.read("models") if record.index == HEAD]
        log = driver.copying.catch_up()
        run = at_rest(place.bootstrap, player.topology, INSTALLATION, log, driver.held())
        compare(run).check()
