"""Reading: all that the oracle sees of the broker, by confluent-kafka and nothing of ours.

Partitions are assigned, never subscribed: the oracle is a member of no group. Values are decoded
from the published schemas, as any consumer downstream would.
"""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import fastavro
from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec
from msgspec import Struct

from tests.real import ROOT

EMPTY_S: Final = 30.0
"""A reader gives up when a partition gives nothing for so long."""

Row = tuple[str, int, int, int, int, int]
"""(id, value, count, first, last, greatest)"""

_LONGS: Final = ("value", "count", "first", "last", "greatest")
_FRAME_BYTES: Final = 10


class Entry(Struct, frozen=True, gc=False):
    """One record as it stands on its partition."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


Reading = dict[str, list[Entry]]
"""Per topic its records, each partition in its order."""


def _schema(*fields: tuple[str, str]) -> Any:
    listed = [{"name": name, "type": kind} for name, kind in fields]
    return fastavro.parse_schema({"type": "record", "name": "x", "fields": listed})


_ROW: Final = _schema(("id", "string"), ("key", "string"), *((name, "long") for name in _LONGS))
_FIRED: Final = _schema(
    ("id", "string"), ("key", "string"), ("asked_at_ms", "long"), ("fired_at_ms", "long")
)


def published(name: str) -> Any:
    """A schema of this checkout, ready for fastavro."""
    text = (ROOT / "schemas" / f"{name}.avsc").read_text(encoding="utf-8")
    return fastavro.parse_schema(json.loads(text))


def avro(schema: Any, entries: Iterable[Entry]) -> list[Any]:
    """The values of these records, which are in Avro's single-object encoding."""
    return [
        fastavro.schemaless_reader(io.BytesIO((e.value or b"")[_FRAME_BYTES:]), schema, None)
        for e in entries
    ]


def rows(entries: Sequence[Entry]) -> list[tuple[Entry, Row]]:
    """The records with the rows in them."""
    decoded = avro(_ROW, entries)
    return [
        (entry, (row["id"], *(row[name] for name in _LONGS)))
        for entry, row in zip(entries, decoded, strict=True)
    ]


def fired(entries: Sequence[Entry]) -> list[Any]:
    """The wakes in these records."""
    return avro(_FIRED, entries)


def _metadata_of(committed: TopicPartition) -> str:
    """What was committed with an offset, perhaps with something behind it: the client (2.16) reads
    on after its end, which has no zero.
    """
    try:
        return committed.metadata or ""
    except UnicodeDecodeError as error:
        return error.object[: error.start].decode()


class Broker:
    """One cluster as the oracle sees it."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._asking: dict[str, Consumer] = {}
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def partitions(self, topics: Iterable[str]) -> list[tuple[str, int]]:
        """Every (topic, partition) of these topics."""
        found: list[tuple[str, int]] = []
        for topic in topics:
            listed = self._admin.list_topics(topic, timeout=30).topics[topic]
            if listed.error is not None:
                raise KafkaException(listed.error)
            found += [(topic, number) for number in sorted(listed.partitions)]
        return found

    def ends(self, partitions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[int, int]]:
        """(last stable offset, high watermark) of each."""
        wanted = {
            TopicPartition(*one): OffsetSpec.latest()  # type: ignore[no-untyped-call]
            for one in partitions
        }
        levels = (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED)
        stable, high = (self._offsets(wanted, level) for level in levels)
        return {one: (stable[one], high[one]) for one in partitions}

    def _offsets(
        self, wanted: dict[TopicPartition, OffsetSpec], level: IsolationLevel
    ) -> dict[tuple[str, int], int]:
        """Offsets as they are; a client whose leaders are others by now asks again."""
        give_up_at_s = time.monotonic() + EMPTY_S
        while True:
            asked = self._admin.list_offsets(wanted, isolation_level=level, request_timeout=30)
            try:
                return {
                    (tp.topic, tp.partition): each.result().offset for tp, each in asked.items()
                }
            except KafkaException:
                if time.monotonic() > give_up_at_s:
                    raise
                self._admin.list_topics(timeout=30)

    def committed(
        self, group: str, partitions: Sequence[tuple[str, int]]
    ) -> dict[tuple[str, int], tuple[int, str]]:
        """Offset and metadata of each of these partitions that the group has committed, once no
        transaction can change it. Raises KafkaException where the broker does not answer.
        """
        # A consumer that neither subscribes nor assigns may ask, and is no member of the group.
        asking = self._asking.get(group)
        if asking is None:
            asking = self._asking[group] = Consumer(
                {"bootstrap.servers": self._bootstrap, "group.id": group, "log_level": 0}
            )
        found = asking.committed([TopicPartition(*one) for one in partitions], timeout=10)
        return {
            (tp.topic, tp.partition): (tp.offset, _metadata_of(tp))
            for tp in found
            if tp.offset >= 0
        }

    def read(self, topics: Sequence[str]) -> Reading:
        """Everything committed on these topics, up to the present end."""
        reader = Reader(self._bootstrap, self.partitions(topics))
        ends = {one: stable for one, (stable, _) in self.ends(reader.partitions).items()}
        try:
            give_up_at = time.monotonic() + EMPTY_S
            while not reader.has_reached(ends):
                if reader.poll():
                    give_up_at = time.monotonic() + EMPTY_S
                if time.monotonic() > give_up_at:
                    raise TimeoutError(f"nothing for {EMPTY_S} s; read {reader.positions()}")
        finally:
            reader.close()
        return {topic: reader.found.get(topic, []) for topic in topics}


class Reader:
    """A read_committed reader of whole partitions, which keeps what it read."""

    def __init__(self, bootstrap: str, partitions: Sequence[tuple[str, int]]) -> None:
        self.partitions = list(partitions)
        self.found: Reading = {}
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "oracle",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 100,
                "log_level": 0,
            }
        )
        self._consumer.assign([TopicPartition(t, p, 0) for t, p in self.partitions])

    def poll(self, timeout_s: float = 0.2) -> int:
        """Take what has come; how many records that were."""
        count = 0
        records: list[Any] = self._consumer.consume(5_000, timeout_s)
        for one in records:
            if one.error() is None:
                count += 1
                entry = Entry(one.partition(), one.offset(), one.key(), one.value())
                self.found.setdefault(one.topic(), []).append(entry)
        return count

    def positions(self) -> dict[tuple[str, int], int]:
        """The next offset of each partition; control records move it too."""
        asked = [TopicPartition(*one) for one in self.partitions]
        return {(tp.topic, tp.partition): tp.offset for tp in self._consumer.position(asked)}

    def has_reached(self, ends: Mapping[tuple[str, int], int]) -> bool:
        """Whether everything before these offsets was read."""
        positions = self.positions()
        return all(end == 0 or positions[one] >= end for one, end in ends.items())

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


class Watching:
    """A reader in a thread of its own, from before the faults until after them; it also notes how
    far the groups have come; `sources` gives the topic that each group reads.
    """

    def __init__(self, bootstrap: str, topics: Sequence[str], sources: Mapping[str, str]) -> None:
        self._broker = Broker(bootstrap)
        self._sources = {g: self._broker.partitions([topic]) for g, topic in sources.items()}
        self.topics = list(topics)
        self.samples: dict[str, list[dict[tuple[str, int], int]]] = {group: [] for group in sources}
        self._reader = Reader(bootstrap, self._broker.partitions(topics))
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watching", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        sampled_at = 0.0
        while not self._is_over.is_set():
            self._reader.poll()
            if time.monotonic() - sampled_at > 1.0:
                sampled_at = time.monotonic()
                self._sample()

    def _sample(self) -> None:
        for group, partitions in self._sources.items():
            try:
                found = self._broker.committed(group, partitions)
            except KafkaException:
                continue  # a broker that bounces; the next sample says more
            self.samples[group].append({key: offset for key, (offset, _) in found.items()})

    def count(self, topic: str) -> int:
        """How many committed records of a topic were seen so far."""
        return len(self._reader.found.get(topic, ()))

    def finish(self) -> Reading:
        """What it read, once it has read to the present end."""
        ends = self._broker.ends(self._reader.partitions)
        self._is_over.set()
        self._thread.join()
        give_up_at = time.monotonic() + EMPTY_S
        while not self._reader.has_reached({one: end[0] for one, end in ends.items()}):
            self._reader.poll()
            if time.monotonic() > give_up_at:
                break
        self._reader.close()
        return {topic: self._reader.found.get(topic, []) for topic in self.topics}
