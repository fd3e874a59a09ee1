"""Paging: the whole product on Kafka against the PagerDuty simulator, workers killed and halted.

The workers are those of `tocsin worker`, run by the crash tests' own program for its points and
mutants. What counts is what the simulator says: each transition of each incident effective once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import httpx
from confluent_kafka import Producer
from msgspec import Struct

from pipeline.simulate.kafka import Listener, Node
from tests.crash.kafka.crew import Crew, Member
from tests.crash.kafka.oracle import Complaint
from tests.crash.kafka.proxy import Proxies
from tests.crash.kafka.start import Start
from tests.crash.kafka.world import CHAOS
from tests.crash.processes import FAST, ROUTING_KEY, Process
from tests.real import ROOT
from tests.wait import wait_until

PARTITIONS: Final = 2
PAGED_S: Final = 120.0
"""Every step of a script is over within so long."""

TRANSITIONS: Final = ("triggered", "resolved")
RESIDUE: Final = "reopened"
"""What design §7 names: a trigger that was repeated after the incident had been resolved."""


class Tally(Struct, frozen=True):
    """What the simulator saw: effective transitions by (title, effect), and raw calls."""

    effects: dict[tuple[str, str], int]
    calls: int

    @property
    def residue(self) -> int:
        """How many incidents were opened again by a late trigger."""
        return sum(count for (_, effect), count in self.effects.items() if effect == RESIDUE)


def check_pages(tally: Tally, titles: list[str], *, resolved: bool) -> list[Complaint]:
    """Each title was triggered once, and resolved once where all were, and nothing else was."""
    wanted = {(title, "triggered"): 1 for title in titles}
    if resolved:
        wanted |= {(title, "resolved"): 1 for title in titles}
    found = {
        key: count for key, count in tally.effects.items() if key[1] in (*TRANSITIONS, RESIDUE)
    }
    lost = sorted(key for key in wanted if key not in found)
    twice = sorted(key for key, count in found.items() if count > wanted.get(key, 0))
    complaints = []
    if lost:
        complaints.append(Complaint("unpaged", f"unpaged: {len(lost)} are lacking: {lost[:5]}"))
    if twice:
        complaints.append(Complaint("paged", f"paged: {len(twice)} are too many: {twice[:5]}"))
    return complaints


def tally(events: Sequence[Mapping[str, Any]]) -> Tally:
    """Count a simulator's events; a resolve has its trigger's title."""
    titles: dict[str, str] = {}
    effects: Counter[tuple[str, str]] = Counter()
    for event in events:
        if event["payload"]:
            titles[event["dedup_key"]] = event["payload"]["summary"]
        effects[titles.get(event["dedup_key"], event["dedup_key"]), event["effect"]] += 1
    return Tally(dict(effects), len(events))


class Paging:
    """A broker behind a proxy, an applied topology, a simulator, workers. `with` ends all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.proxies = Proxies()
        proxy, port = self.proxies.listen()
        self.node = Node(folder / "kafka", listeners=[Listener(CHAOS, advertised_port=port)])
        proxy.upstream = ("127.0.0.1", self.node.ports[CHAOS])
        self._bootstrap = f"127.0.0.1:{port}"
        self.crew = Crew(folder)
        self.config = folder / "topology.yaml"
        self.http = httpx.Client(timeout=30, trust_env=False)
        self.simulator: Process | None = None

    def __enter__(self) -> Self:
        try:
            self.config.write_text(
                FAST + f"defaults: {{partitions: {PARTITIONS}, replication: 1}}\n", encoding="utf-8"
            )
            self.node.start()
            self.simulator = Process("simulator", "--listen", "127.0.0.1:0")
            subprocess.run(
                [sys.executable, "-m", "pipeline", "topology", "apply", str(self.config), "--yes"],
                check=True,
                cwd=ROOT,
                env={
                    **os.environ,
                    "TOCSIN_KAFKA_BOOTSTRAP": self.node.bootstrap,
                    "PAGERDUTY_ROUTING_KEY": ROUTING_KEY,
                },
                capture_output=True,
            )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.crew.end()
        self.http.close()
        if self.simulator is not None:
            self.simulator.end()
        self.proxies.close()
        self.node.close()

    @property
    def url(self) -> str:
        """Where the simulator answers."""
        assert self.simulator is not None
        return self.simulator.url

    def worker(self, name: str, mutants: tuple[str, ...] = (), crash: str = "") -> Member:
        """Start a worker with all agents."""
        os.environ["PAGERDUTY_ROUTING_KEY"] = ROUTING_KEY
        return self.crew.add(
            Start(
                bootstrap=self._bootstrap,
                app="tocsin",
                name=name,
                folder=str(self.folder / "slots" / name),
                mutants=mutants,
                crash=crash,
                topology=str(self.config),
                events_url=self.url,
            )
        )

    def alerts(self, titles: list[str], status: str = "firing") -> None:
        """Put alerts on raw-alerts, as a foreign producer does."""
        producer = Producer({"bootstrap.servers": self.node.bootstrap, "log_level": 0})
        for title in titles:
            alert = {"name": title, "status": status, "severity": "critical"}
            producer.produce("raw-alerts", json.dumps(alert).encode(), title)
        assert producer.flush(60) == 0

    def fail(self, *faults: dict[str, Any], seed: int = 1) -> None:
        """Set the simulator's faults; none: it is well again."""
        body = {"faults": list(faults), "seed": seed}
        self.http.post(f"{self.url}/_sim/faults", json=body).raise_for_status()

    def tally(self) -> Tally:
        """What the simulator has seen so far."""
        found: list[dict[str, Any]] = []
        since = 0
        while True:
            asked = {"since": since, "limit": 10_000}
            page = self.http.get(f"{self.url}/_sim/events", params=asked).json()
            found += page["events"]
            if not page["more"]:
                return tally(found)
            since = page["next"]

    def effective(self, effect: str) -> int:
        """How many transitions of a kind were effective."""
        return sum(count for (_, kind), count in self.tally().effects.items() if kind == effect)


def lease(folder: Path, mutants: tuple[str, ...]) -> Tally:
    """A worker is halted between the commit of a trigger and its call; another one takes over,
    triggers and resolves; then the first one goes on.
    """
    with Paging(folder) as paging:
        paging.worker("one", mutants)
        wait_until(lambda: paging.crew.is_ready("one"), what="one is ready", deadline_s=PAGED_S)
        paging.crew.order("one", "calling:1:stop")
        paging.alerts(["A"])
        wait_until(paging.crew.members["one"].is_halted, what="one halts", deadline_s=PAGED_S)
        paging.worker("two", mutants)
        wait_until(lambda: paging.effective("triggered") == 1, what="two pages", deadline_s=PAGED_S)
        paging.alerts(["A"], "resolved")
        wait_until(
            lambda: paging.effective("resolved") == 1, what="two resolves", deadline_s=PAGED_S
        )
        paging.crew.members["one"].signal(signal.SIGCONT)
        calls = paging.tally().calls
        pid = paging.crew.pid("one")
        wait_until(
            lambda: paging.tally().calls > calls or paging.crew.pid("one") != pid,
            what="one calls, or ends",
            deadline_s=PAGED_S,
        )
        return paging.tally()
