"""A whole Tocsin on a Kafka of its own, as an operator starts it: simulator, apply, worker.

Topics bear the names that the documents give them, so no other test may use this broker. All that
reads or writes here is foreign: librdkafka, fastavro and the published schemas, nothing of ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import httpx
from confluent_kafka import Message, Producer
from fastavro.schema import fingerprint, to_parsing_canonical_form

from pipeline.simulate.kafka import Node
from tests.crash.processes import ROUTING_KEY, Process
from tests.hosts.faust.topics import read_all
from tests.real import ROOT
from tests.wait import wait_until

TOPOLOGY = """
version: 1
defaults: {partitions: 4, retention: 7d}
tenants: {red: {tokens: ["env:PAGERDUTY_ROUTING_KEY"]}}
correlate: {quiet: off}
receivers:
  on-call: {sink: pagerduty, routing_key: "env:PAGERDUTY_ROUTING_KEY", rate: 1000/s, repeat: off}
routes: {receiver: on-call}
observe: {canary: {every: off}}
"""
WITHIN_S = 60.0
FRAMING_SIZE = 10


class Worker(Process):
    """`tocsin worker`, which has no address to say."""

    def _ready(self) -> str:
        assert self.process.poll() is None, "\n".join(self.lines)
        return "ready" if "ready" in self.lines else ""


class Site:
    """The cluster, the worker, the receiver; `send` and `read` are the outside world."""

    def __init__(self, node: Node, folder: Path) -> None:
        self.bootstrap = node.bootstrap
        config = folder / "topology.yaml"
        config.write_text(TOPOLOGY, encoding="utf-8")
        self.http = httpx.Client(timeout=30, trust_env=False)
        self.simulator = Process("simulator", "--listen", "127.0.0.1:0")
        self._environment = {
            "TOCSIN_KAFKA_BOOTSTRAP": self.bootstrap,
            "TOCSIN_PAGERDUTY_EVENTS_URL": self.simulator.url,
            "TOCSIN_DATA": str(folder / "data"),
            "TOCSIN_CONFIG": str(config),
            "PAGERDUTY_ROUTING_KEY": ROUTING_KEY,
        }
        self.call("topology", "apply", "--replication", "1", "--yes")
        self.worker = Worker("worker", "--once", environment=self._environment)

    def call(self, *arguments: str) -> str:
        """Run a `tocsin` command to its end; what it wrote."""
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", *arguments],
            env={**os.environ, **self._environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def end(self) -> None:
        """End all of it, and say what the worker said, which pytest shows where a test failed."""
        for process in (self.worker, self.simulator):
            process.end()
        self.http.close()
        sys.stdout.write("\n".join(["--- worker ---", *self.worker.lines, ""]))

    def is_up(self) -> None:
        """Fail where the worker has ended."""
        assert self.worker.process.poll() is None, "\n".join(self.worker.lines)

    def send(
        self,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes | None]] = (),
        partition: int = 0,
        timestamp_ms: int = 0,
        **settings: Any,
    ) -> int:
        """Write one record to `raw-alerts` as a foreign producer; its offset."""
        producer = Producer({"bootstrap.servers": self.bootstrap, **settings})
        sent: list[Any] = []

        def landed(error: Any, message: Any) -> None:
            assert error is None, error
            sent.append(message.offset())

        producer.produce(
            "raw-alerts",
            value=value,
            key=key,
            headers=list(headers),
            partition=partition,
            timestamp=timestamp_ms,
            on_delivery=landed,
        )
        assert producer.flush(WITHIN_S) == 0
        (offset,) = sent
        return int(offset)

    def send_aborted(self, value: bytes, *, partition: int) -> None:
        """Write a record in a transaction that is then taken back."""
        settings = {"bootstrap.servers": self.bootstrap, "transactional.id": "somebody"}
        producer = Producer(settings)
        producer.init_transactions(WITHIN_S)
        producer.begin_transaction()
        producer.produce("raw-alerts", value=value, partition=partition)
        assert producer.flush(WITHIN_S) == 0
        producer.abort_transaction(WITHIN_S)

    def read(self, topic: str) -> list[Message]:
        """All that is committed on a topic now."""
        self.is_up()
        return read_all(self.bootstrap, topic)

    def wait_for(
        self, topic: str, wanted: Callable[[dict[str, Any]], bool], count: int = 1
    ) -> list[dict[str, Any]]:
        """The values on a topic that are wanted, as soon as there are so many."""
        found: list[dict[str, Any]] = []

        def are_there() -> bool:
            values = (decoded(message) for message in self.read(topic))
            found[:] = [value for value in values if value is not None and wanted(value)]
            return len(found) >= count

        wait_until(are_there, what=f"{count} on {topic}", deadline_s=WITHIN_S)
        return found

    def calls(self) -> list[dict[str, Any]]:
        """What the receiver was called with."""
        url = f"{self.simulator.url}/_sim/events?limit=10000"
        events: list[dict[str, Any]] = self.http.get(url).json()["events"]
        return events


def _schemas(name: str) -> dict[bytes, Any]:
    """A topic value's published schemas by fingerprint, as schemas/README.md tells to read them."""
    folder = ROOT / "schemas"
    paths = [folder / f"{name}.avsc", *folder.glob(f"history/{name}/*.avsc")]
    schemas = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return {
        bytes.fromhex(fingerprint(to_parsing_canonical_form(one), "CRC-64-AVRO")): one
        for one in schemas
    }


VALUES: Mapping[str, str] = {
    "alerts": "Alert",
    "incidents": "Incident",
    "notifications": "Notification",
    "receipts": "Receipt",
    "dead-letters": "DeadLetter",
    "audit": "AuditRecord",
    "journal": "JournalRecord",
}
_known: dict[str, dict[bytes, Any]] = {name: _schemas(value) for name, value in VALUES.items()}


def decoded(message: Message) -> dict[str, Any] | None:
    """A message's value by the schema that its framing names; None is a tombstone."""
    value = message.value()
    if value is None:
        return None
    assert value[:2] == b"\xc3\x01"
    topic = message.topic()
    assert topic is not None
    schema = _known[topic][value[2:FRAMING_SIZE]]
    found: Any = fastavro.schemaless_reader(BytesIO(value[FRAMING_SIZE:]), schema, None)
    assert isinstance(found, dict)
    return found


def headers_of(message: Message) -> dict[str, bytes]:
    """A message's headers."""
    found: Any = message.headers()
    return dict(found or [])


def now_ms() -> int:
    """The time as producers have it."""
    return int(time.time() * 1_000)
