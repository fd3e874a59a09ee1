"""The storm while workers are killed: whatever of them ends, what is committed is one history.

Two `tocsin worker` processes share the partitions; each is killed with -9 again and again, at
moments that a seed decides, and started again at once. In the end one is killed for good, so that
the other takes its partitions over. Receivers fail meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.engine.agent import DEAD_LETTERS
from pipeline.hosts.faust.client.bulk import BulkReader
from pipeline.hosts.faust.setting import Setting
from pipeline.hosts.faust.state.restore import changelogs
from pipeline.hosts.faust.state.rocks import RocksStore
from pipeline.hosts.faust.stream.shelf import open_store
from pipeline.topology.apply import Control, apply, prospect
from pipeline.topology.desired import changelog_topic, desired
from tests.crash.processes import Process
from tests.hosts.faust.differential.comparing import Held, compare
from tests.hosts.faust.differential.copied import Copied, Copying
from tests.hosts.faust.differential.driver import rows_of
from tests.hosts.faust.differential.feeding import Feeding
from tests.hosts.faust.differential.hands import Hand
from tests.hosts.faust.differential.place import Place
from tests.hosts.faust.differential.runs import at_rest, committed
from tests.hosts.faust.differential.storm import (
    ROUTING_KEY,
    Moment,
    moments,
    storm_text,
    storm_topology,
    world,
)
from tests.wait import wait_until

APP = "killed"
PARTITIONS = 4
KILLS = 6
SPEED = 2.0
"""Twice as fast as it was recorded."""

FAULTS = (
    {"kind": "status", "status": 500, "share": 0.2},
    {"kind": "reset_after_accept", "share": 0.1},
)
WITHIN_S = 180.0


def wall_ms() -> int:
    """The time of day."""
    return time.time_ns() // 1_000_000


class Site:
    """The applied topology, a receiver, two workers, and a producer that feeds them."""

    def __init__(self, place: Place, folder: Path) -> None:
        text = storm_text(app=APP, defaults={"partitions": PARTITIONS, "replication": 1})
        self.folder = folder
        self.bootstrap = place.bootstrap
        self.topology = storm_topology(text)
        (folder / "topology.yaml").write_text(text, encoding="utf-8")
        place.clear(desired(self.topology).topics)
        self.control = asyncio.run(self._apply(text))
        self.simulator = Process("simulator", "--listen", "127.0.0.1:0")
        environment = {
            "TOCSIN_KAFKA_BOOTSTRAP": self.bootstrap,
            "TOCSIN_PAGERDUTY_EVENTS_URL": self.simulator.url,
            "DEMO_ROUTING_KEY": ROUTING_KEY,
        }
        self.hands = [Hand(folder, slot, environment) for slot in ("a", "b")]
        self.feeding = Feeding(self.bootstrap)

    async def _apply(self, text: str) -> Control:
        options = {"bootstrap_servers": self.bootstrap}
        planned = await prospect(options, self.topology)
        return await apply(options, self.topology, text, planned.actions)

    def end(self) -> None:
        """End every process."""
        for hand in self.hands:
            hand.end()
        self.simulator.end()

    def faults(self, *faults: Any) -> None:
        """Set what the receiver does wrong."""
        plan = {"faults": faults, "seed": 1}
        httpx.post(f"{self.simulator.url}/_sim/faults", json=plan, trust_env=False)

    def effects(self) -> Counter[tuple[str, str]]:
        """How often which transition of which incident was effective at the receiver."""
        url = f"{self.simulator.url}/_sim/events?limit=10000"
        calls = httpx.get(url, trust_env=False).json()["events"]
        return Counter((call["dedup_key"], call["effect"]) for call in calls if call["effect"])

    def stores(self, hand: Hand, log: Copied) -> dict[str, Held]:
        """What a worker left on its disk."""
        return asyncio.run(self._stores(hand, log))

    async def _stores(self, hand: Hand, log: Copied) -> dict[str, Held]:
        options = {"bootstrap_servers": self.bootstrap}
        setting = Setting(app=APP, options=options, folder=hand.slot, slot_id="reader")
        reader = BulkReader(options)
        await reader.start()
        held = {}
        for agent in self.topology.agents:
            topic = changelog_topic(APP, agent)
            found = await changelogs(reader, topic, list(log.partitions(topic)))
            for partition, changelog in found.items():
                store = open_store(setting, (topic, partition), changelog, wall_ms())
                assert isinstance(store, RocksStore)
                assert store.set_aside is None, store.set_aside
                tables = {r.key.partition("\0")[0] for r in log.records[topic, partition]} - {""}
                held[f"{agent}-{partition}"] = Held(
                    rows=rows_of(store, tables), checkpoint=store.checkpoint()
                )
                store.close()
        await reader.stop()
        return held


@pytest.fixture
def site(place: Place, tmp_path: Path) -> Iterator[Site]:
    found = Site(place, tmp_path)
    try:
        yield found
    finally:
        found.end()


def test_a_storm_over_workers_that_are_killed_is_one_history(site: Site) -> None:
    seed = int(os.environ.get("TOCSIN_SEED") or random.randrange(10_000))
    sys.stdout.write(f"TOCSIN_SEED={seed} plays the same again\n")
    for hand in site.hands:
        hand.start()
    for hand in site.hands:
        hand.wait()
    start_ms = wall_ms()
    storm = asyncio.run(moments(site.topology, start_ms))
    site.faults(*FAULTS)
    copying = Copying(site.bootstrap, desired(site.topology).topics)
    try:
        play(site, storm, random.Random(seed))
        site.hands[1].kill()
        wait_until(lambda: has_all(site, site.hands[0]), what="a takeover", deadline_s=WITHIN_S)
        wait_until(lambda: is_read(site, copying), what="all is read", deadline_s=WITHIN_S)
        assert site.hands[0].stop() == 0
        log = copying.catch_up()
    finally:
        copying.close()
    held = site.stores(site.hands[0], log)
    run = at_rest(site.bootstrap, site.topology, site.control.installation, log, held)
    run.fed, run.is_read_out = site.feeding.on(DEAD_LETTERS), False
    found = compare(run)
    found.check()
    assert found.tasks > PARTITIONS
    assert sum(hand.kills for hand in site.hands) == KILLS + 1
    assert {count for (_, effect), count in site.effects().items() if effect == "triggered"} == {1}


def play(site: Site, storm: list[Moment], dice: random.Random) -> None:
    """The storm at its pace; at some moments one of the workers is killed and started again."""
    site.feeding.write(world(wall_ms()), wall_ms())
    killing = sorted(dice.sample(range(2, len(storm)), KILLS))
    began_s = time.monotonic()
    for number, moment in enumerate(storm):
        due_s = began_s + moment.at_ms / 1000 / SPEED
        wait_until(lambda at=due_s: time.monotonic() >= at, what="the moment", deadline_s=WITHIN_S)  # type: ignore[misc]
        site.feeding.write(moment.outputs, wall_ms())
        if number in killing:
            hand = dice.choice(site.hands)
            hand.kill()
            hand.start()


def is_read(site: Site, copying: Copying) -> bool:
    """Whether every record that an agent reads was read."""
    site.hands[0].keep()
    log = copying.catch_up()
    offsets = committed(site.bootstrap, site.topology)
    return all(
        offsets.get((name, topic, partition), -1) >= log.bounds(topic, partition)[1]
        for name, spec in site.topology.agents.items()
        for topic in (*spec.reads, *spec.returns)
        for partition in log.partitions(topic)
        if log.records[topic, partition]
    )


def has_all(site: Site, hand: Hand) -> bool:
    """Whether a worker has taken over every partition of every agent."""
    hand.keep()
    lines = hand.said().splitlines()
    taken = [json.loads(line) for line in lines if '"takes over"' in line]
    latest = {line["agent"]: len(line["partitions"]) for line in taken}
    return latest == {
        name: site.topology.partitions(spec.reads[0]) for name, spec in site.topology.agents.items()
    }
