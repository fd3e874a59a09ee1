"""The broker of a run: its topics, the alerts put into them, and what came out of them."""

from __future__ import annotations

import os
import random
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from msgspec import Struct
from msgspec.structs import replace

from pipeline.codec import decode, encode
from pipeline.domain.alert import Alert
from pipeline.simulate.kafka import Node
from tests.bench.codec import bench_alert
from tests.bench.kafka.work import decode_alert, encode_json

QUEUE_MAX: Final = 200_000
SEED: Final = 2_026
IDLE_S: Final = 15.0
"""So long without a record means that no more will come."""


@contextmanager
def broker() -> Iterator[str]:
    """The cluster that TOCSIN_KAFKA_BOOTSTRAP names, else a node of our own; its address."""
    named = os.environ.get("TOCSIN_KAFKA_BOOTSTRAP")
    if named:
        yield named
        return
    with tempfile.TemporaryDirectory() as folder, Node(Path(folder)) as node:
        yield node.bootstrap


class Counted(Struct):
    """What stands on an output topic."""

    records: int
    keys: int
    broken: int
    """Alerts whose `version` is not the one after that of the same key before."""


class Topics:
    """The topics of one run; all of them are deleted at its end."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self.bootstrap = bootstrap
        self.partitions = partitions
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        self._made: list[str] = []

    def new(self, prefix: str) -> str:
        """A name that nobody else has."""
        return f"{prefix}-{secrets.token_hex(4)}"

    def make(self, *names: str, partitions: int = 0, compact: bool = False) -> None:
        """Make topics, with the run's partitions where no count is given."""
        config = {"cleanup.policy": "compact"} if compact else {}
        topics = [NewTopic(n, partitions or self.partitions, 1, config=config) for n in names]
        for made in self._admin.create_topics(topics).values():
            made.result()
        self._made += names

    def make_missing(self, *names: str) -> None:
        """Make topics that every worker needs, where nobody has; they stay."""
        known = self._admin.list_topics(timeout=10).topics
        missing = [NewTopic(name, 1, 1) for name in names if name not in known]
        if missing:
            for made in self._admin.create_topics(missing).values():
                made.result()

    def delete(self, *names: str) -> None:
        """Delete topics: a run writes gigabytes."""
        if names:
            for deleted in self._admin.delete_topics(list(names)).values():
                try:
                    deleted.result()
                except Exception as error:  # noqa: BLE001
                    print(f"(not deleted: {error})")
        self._made = [name for name in self._made if name not in names]

    def delete_like(self, prefix: str) -> None:
        """Delete what a peer has made for itself."""
        found = [t for t in self._admin.list_topics(timeout=10).topics if t.startswith(prefix)]
        self.delete(*found)

    def owners(self, group: str) -> dict[str, set[int]]:
        """The partitions of each member of a group that has some, by its instance id."""
        described = self._admin.describe_consumer_groups([group])[group].result()
        found = {
            member.group_instance_id: {p.partition for p in member.assignment.topic_partitions}
            for member in described.members
            if member.assignment is not None
        }
        return {name: partitions for name, partitions in found.items() if partitions}

    def close(self) -> None:
        """Delete all that were made."""
        self.delete(*self._made)


def keys(count: int, distinct: int) -> Iterable[int]:
    """Which of the distinct keys each event has: uniform, the same in every run."""
    rng = random.Random(SEED)
    return (rng.randrange(distinct) for _ in range(count))


def alerts(numbers: Iterable[int]) -> Iterable[Alert]:
    """The bench alert with these fingerprints, each an alert of its own."""
    base = bench_alert()
    for position, number in enumerate(numbers):
        yield replace(base, fingerprint=f"{number:016x}", alert_id=f"bench-{position:010d}")


def preload(bootstrap: str, topic: str, given: Iterable[Alert], *, avro: bool = False) -> None:
    """Put alerts on a topic, keyed by fingerprint."""
    write = encode if avro else encode_json
    preload_raw(bootstrap, topic, ((a.fingerprint, write(a), None) for a in given))


def preload_raw(
    bootstrap: str,
    topic: str,
    given: Iterable[tuple[str, bytes, dict[str, str] | None]],
) -> None:
    """Put records on a topic: key, value, headers. Raises where one was not taken."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 2 * QUEUE_MAX,
            "linger.ms": 20,
            "enable.idempotence": True,
        }
    )
    for count, (key, value, headers) in enumerate(given):
        more: dict[str, Any] = {} if headers is None else {"headers": headers}
        producer.produce(topic, value, key, **more)
        if count % 1_000 == 0:
            producer.poll(0)
            while len(producer) > QUEUE_MAX:
                producer.poll(0.05)
    if producer.flush(60):
        raise RuntimeError(f"{topic}: not all alerts could be put there")


def count_output(bootstrap: str, topic: str, *, avro: bool = False) -> Counted:
    """Read all that is committed on a topic of alerts, and check each key's sequence."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"{topic}-check",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    places = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in places])
    found, last = Counted(0, 0, 0), dict[str, int]()
    ended: set[int] = set()
    give_up_at = time.monotonic() + IDLE_S
    while len(ended) < len(places) and time.monotonic() < give_up_at:
        for record in consumer.consume(5_000, timeout=0.2):
            if record.error() is not None:
                ended.add(record.partition() or 0)
                continue
            give_up_at = time.monotonic() + IDLE_S
            value = record.value() or b""
            alert = decode(Alert, value) if avro else decode_alert(value)
            found.records += 1
            found.broken += alert.version != last.get(alert.fingerprint, 0) + 1
            last[alert.fingerprint] = alert.version
    consumer.close()
    found.keys = len(last)
    return found
