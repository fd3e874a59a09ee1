"""An independent read_committed reader, librdkafka, that goes to the true end of every partition.

Right after a commit the last stable offset is still that of before: markers are written after the
answer. So the end is the high watermark, and reading on to there waits for the markers; where a
transaction hangs, it fails.
"""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

WITHIN_S = 30.0


def read_committed(bootstrap: str, *topics: str) -> list[Any]:
    """Every committed message, each partition's in order."""
    places = _ends(bootstrap, topics)
    consumer = _consumer(bootstrap, "read_committed")
    found: list[Any] = []
    give_up_at_s = time.monotonic() + WITHIN_S
    try:
        consumer.assign([TopicPartition(topic, number, 0) for topic, number in places])
        while places:
            assert time.monotonic() < give_up_at_s, f"a transaction hangs before {places}"
            for message in consumer.consume(1_000, timeout=0.2):
                error = message.error()
                if error is None:
                    found.append(message)
                    continue
                assert error.code() == KafkaError._PARTITION_EOF, error
                place = (str(message.topic()), message.partition() or 0)
                if (message.offset() or 0) >= places.get(place, 0):
                    places.pop(place, None)
    finally:
        consumer.close()
    return sorted(found, key=lambda each: (each.topic(), each.partition(), each.offset()))


def _ends(bootstrap: str, topics: tuple[str, ...]) -> dict[tuple[str, int], int]:
    consumer = _consumer(bootstrap, "read_uncommitted")
    try:
        return {
            (topic, number): consumer.get_watermark_offsets(
                TopicPartition(topic, number), timeout=WITHIN_S
            )[1]
            for topic in topics
            for number in consumer.list_topics(topic, timeout=WITHIN_S).topics[topic].partitions
        }
    finally:
        consumer.close()


def _consumer(bootstrap: str, isolation: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "nobody",
            "enable.auto.commit": False,
            # Where a broker says that a new partition has no such offset yet: not to its end.
            "auto.offset.reset": "earliest",
            "isolation.level": isolation,
            "enable.partition.eof": True,
        }
    )
