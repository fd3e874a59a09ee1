"""A journal replayed gives the same digests: the law that time travel and backtests stand on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.app import compose
from pipeline.engine import Agent
from pipeline.hosts.embedded.driver import Driver
from pipeline.hosts.embedded.replay import Replay
from pipeline.topology.declared import Topology


def check_replay(driver: Driver, topology: Topology, installation: str) -> int:
    """Replay everything that a driver ever did; the number of epochs, each equal."""

    def build(_hash: str, slot: str) -> Sequence[Agent]:
        return compose.agents(topology, compose.wiring(topology, installation, slot=slot))

    types: dict[str, Any] = compose.event_types(topology)
    known = {name: types[name] for name in compose.global_topics(topology)}
    replay = Replay(driver.host.log, build, known, None, 0)
    epochs = list(replay.run(0, driver.now_ms))
    assert epochs, "the journal is empty"
    wrong = [each.journal for each in epochs if not each.is_equal]
    assert not wrong, f"{len(wrong)} of {len(epochs)} epochs differ, the first: {wrong[0]}"
    return len(epochs)
