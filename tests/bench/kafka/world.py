"""World: the product as people run it on Kafka, in a cluster of its own that is thrown away.

A node, the simulator, an applied topology, and as many `tocsin` processes as a bench starts. The
topics have the product's names, so no cluster that somebody else uses is touched.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from confluent_kafka import Consumer, TopicPartition
from msgspec.structs import replace

from pipeline.domain.secret import Secret
from pipeline.domain.store import Output
from pipeline.edge.accept import Delivery, records_of
from pipeline.simulate.kafka import Node
from pipeline.stages.ingest import parse
from pipeline.topology.load import load as load_topology
from tests.bench import load
from tests.bench.kafka import cluster
from tests.bench.throughput import Simulator, cpu_s
from tests.crash.processes import ROUTING_KEY
from tests.wait import wait_until

START_S: Final = 40.0
TOPOLOGY: Final = """
version: 1
app: bench
defaults: {partitions: 12, replication: 1, retention: 7d}
receivers:
  on-call: {sink: pagerduty, routing_key: "env:PAGERDUTY_ROUTING_KEY", rate: 100000/s, repeat: off,
            in_flight_max: 400, outbox_max: 1000000}
routes: {receiver: on-call}
correlate:
  rules:
    - {name: database, when: 'alert.service == "database"', group_by: [service], gap: 10m}
    - {name: search, when: 'alert.service == "search"', group_by: [service], gap: 10m}
    - {name: staging, when: 'alert.environment == "staging"', group_by: [cluster], gap: 10m}
    - {name: disks, when: 'alert.name == "DiskFull"', group_by: [host], gap: 10m}
    - {name: certificates, when: 'alert.name == "CertificateExpires"', group_by: [name], gap: 10m}
    - {name: slow, when: 'alert.metric == "latency" && alert.value > 2.0', group_by: [service]}
    - {name: nodes, when: 'alert.name.startsWith("Node") && alert.host != ""', group_by: [host]}
    - {name: jobs, when: 'alert.labels["job"] == "batch"', group_by: [namespace], gap: 10m}
    - {name: teams, when: 'alert.service == "" && "team" in alert.tags', group_by: [name], gap: 10m}
    - {name: by-service, when: 'alert.service != ""', group_by: [service], gap: 10m}
"""
"""Ten rules, of which only the last one takes the load's alerts."""


class Started:
    """One `tocsin` process that has said `ready`."""

    def __init__(self, folder: Path, environment: dict[str, str], *arguments: str) -> None:
        self.log = folder / f"{arguments[0]}-{len(list(folder.iterdir()))}.log"
        with self.log.open("w", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipeline", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        ready = wait_until(self._ready, what=f"{arguments[0]} is ready", deadline_s=START_S)
        self.url = ready.removeprefix("ready").strip()
        self.cpu_at_ready_s = self.cpu_s()

    def _ready(self) -> str:
        said = self.log.read_text(encoding="utf-8").splitlines()
        assert self.process.poll() is None, "\n".join(said[-20:])
        return next((line for line in said if line.startswith("ready")), "")

    def cpu_s(self) -> float:
        """CPU seconds so far."""
        return cpu_s(self.process.pid)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()


class World:
    """Everything but the workers and the edge, which a bench starts itself."""

    def __init__(self, folder: Path, bootstrap: str, topology: str) -> None:
        self.folder = folder
        self.bootstrap = bootstrap
        self.simulator = Simulator()
        self.config = folder / "topology.yaml"
        self.config.write_text(topology, encoding="utf-8")
        self.environment = {
            **os.environ,
            "TOCSIN_KAFKA_BOOTSTRAP": bootstrap,
            "TOCSIN_PAGERDUTY_EVENTS_URL": self.simulator.process.url,
            "PAGERDUTY_ROUTING_KEY": ROUTING_KEY,
            "TOCSIN_LOG": "warning",
        }
        self._started: list[Started] = []

    @classmethod
    @contextmanager
    def running(cls, topology: str = TOPOLOGY) -> Iterator[Self]:
        """One world, with its topology applied; all its processes end with it."""
        with tempfile.TemporaryDirectory() as text, Node(Path(text) / "kafka") as node:
            folder = Path(text) / "tocsin"
            folder.mkdir()
            world = cls(folder, node.bootstrap, topology)
            try:
                world.apply()
                yield world
            finally:
                world.end()

    def apply(self) -> None:
        """Make the topics."""
        subprocess.run(
            [sys.executable, "-m", "pipeline", "topology", "apply", "--yes", str(self.config)],
            env=self.environment,
            check=True,
            capture_output=True,
            timeout=60,
        )

    def start(self, *arguments: str) -> Started:
        """One process of the product; what it says is in a file of the folder."""
        data = self.folder / f"data-{len(self._started)}"
        more = ("--data", str(data), "--config", str(self.config))
        started = Started(self.folder, self.environment, *arguments, *more)
        self._started.append(started)
        return started

    def worker(self, *arguments: str) -> Started:
        """One worker process."""
        return self.start("worker", "--once", *arguments)

    def end(self) -> None:
        """End all that was started here."""
        for started in self._started:
            started.kill()
        self.simulator.end()

    def put(self, records: Sequence[Output]) -> None:
        """Put records on their topics, as the edge would."""
        for topic in {record.topic for record in records}:
            given = ((r.key, r.value or b"", r.headers) for r in records if r.topic == topic)
            cluster.preload_raw(self.bootstrap, topic, given)

    def behind(self, agent: str, *topics: str) -> int:
        """Offsets that an agent has yet to read. One per partition may be a transaction's marker,
        which nobody reads.
        """
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": f"bench-{agent}"})
        try:
            behind = 0
            for topic in topics:
                known = consumer.list_topics(topic, timeout=10).topics[topic].partitions
                places = [TopicPartition(topic, number) for number in known]
                for place in consumer.committed(places, timeout=10):
                    low, high = consumer.get_watermark_offsets(place, timeout=10)
                    left = high - max(place.offset, low)
                    behind += left if left > 1 else 0
            return behind
        finally:
            consumer.close()

    def drain(self, deadline_s: float) -> None:
        """Wait until intake and decide have read everything."""
        wait_until(
            lambda: not self.behind("intake", "raw-alerts") and not self.behind("decide", "alerts"),
            what="all alerts are decided",
            deadline_s=deadline_s,
        )


def accepted(workload: str, count: int, scopes: int) -> list[Output]:
    """The load as the edge puts it on raw-alerts, spread over so many scopes."""
    config = load_topology(TOPOLOGY, "bench", lambda _: Secret(ROUTING_KEY)).sections["ingest"]
    records: list[Output] = []
    for body in load.bodies(workload, count, lambda n, w: scoped(n, w, scopes)):
        parsed = parse(body, "native", {}, config, 0)
        records += records_of(parsed, body, Delivery(trace_id="ab" * 16), config, 0)
    return [replace(record, event=None) for record in records]


def scoped(number: int, workload: str, scopes: int) -> dict[str, Any]:
    """One alert of the load; ten neighbours, which make one group, share their scope."""
    return {**load.native(number, workload), "environment": f"env-{number // 10 % scopes}"}
