"""Copied: the topics of a run on Kafka as a Log in memory, with their offsets and their holes.

They are read by librdkafka, read_committed, by an assignment and no group: nothing of ours takes
part in what is compared.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from pipeline.domain.record import Record
from tests.crash.kafka.reading import Broker
from tests.wait import wait_until

WITHIN_S = 60.0
READ_MAX = 5_000

Place = tuple[str, int]
"""(topic, partition)."""

_offset = attrgetter("offset")


class Copied:
    """A Log (domain.store): the records of some topics, each partition in the order of offsets."""

    def __init__(self, places: Iterable[Place] = ()) -> None:
        self.records: dict[Place, list[Record]] = {place: [] for place in places}

    def read(self, topic: str, partition: int, offset: int, limit: int) -> Sequence[Record]:
        """At most `limit` records from `offset` on, in order."""
        records = self.records[topic, partition]
        start = bisect_left(records, offset, key=_offset)
        return records[start : start + limit]

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """(first offset, the one after the last record)."""
        records = self.records[topic, partition]
        return (records[0].offset, records[-1].offset + 1) if records else (0, 0)

    def partitions(self, topic: str) -> Iterator[int]:
        """The partitions of a topic."""
        return (partition for name, partition in self.records if name == topic)

    def of(self, topic: str) -> Iterator[Record]:
        """All records of a topic, partition by partition."""
        for partition in self.partitions(topic):
            yield from self.records[topic, partition]


class Copying:
    """Copies topics that may grow meanwhile: `catch_up` as often as one likes, then `close`."""

    def __init__(self, bootstrap: str, topics: Iterable[str]) -> None:
        self._broker = Broker(bootstrap)
        self._places = self._broker.partitions(topics)
        self.copied = Copied(self._places)
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "copying",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
                "log_level": 0,
            }
        )
        self._consumer.assign([TopicPartition(*place, 0) for place in self._places])

    def catch_up(self) -> Copied:
        """Read to the end, once no transaction is open: a commit is answered before its markers
        are written, and what it holds cannot be read before. Raises AssertionError or TimeoutError.
        """
        give_up_at_s = time.monotonic() + WITHIN_S
        ends = wait_until(self._stable_ends, what="no transaction is open", deadline_s=WITHIN_S)
        while not self._has_reached(ends):
            if time.monotonic() > give_up_at_s:
                raise TimeoutError(f"not read to {ends} within {WITHIN_S} s")
            self._take(0.02)
        return self.copied

    def _stable_ends(self) -> Mapping[Place, int]:
        """Where every partition ends; nothing while a transaction is open."""
        ends = self._broker.ends(self._places)
        if any(stable != high for stable, high in ends.values()):
            return {}
        return {place: high for place, (_, high) in ends.items()}

    def _take(self, timeout_s: float) -> None:
        messages: list[Any] = self._consumer.consume(READ_MAX, timeout_s)
        for message in messages:
            if message.error() is None:
                record = _record(message)
                self.copied.records[record.topic, record.partition].append(record)

    def _has_reached(self, ends: Mapping[Place, int]) -> bool:
        """Control records move a position too."""
        asked = [TopicPartition(*place) for place in self._places]
        reached = {(at.topic, at.partition): at.offset for at in self._consumer.position(asked)}
        return all(end == 0 or reached[place] >= end for place, end in ends.items())

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


def copy(bootstrap: str, topics: Iterable[str]) -> Copied:
    """The topics as they stand now."""
    copying = Copying(bootstrap, topics)
    try:
        return copying.catch_up()
    finally:
        copying.close()


def _record(message: Any) -> Record:
    """A message as the engine reads it, but with the headers that say nothing: an output has them,
    and to whoever reads they must make no difference.
    """
    return Record(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        key=(message.key() or b"").decode("utf-8", "replace"),
        value=message.value(),
        headers={
            name: raw.decode("utf-8", "replace")
            for name, raw in message.headers() or ()
            if raw is not None
        },
        timestamp_ms=message.timestamp()[1],
    )
