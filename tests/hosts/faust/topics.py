"""Topics for tests of the edge on Kafka, and an independent reader: librdkafka, not aiokafka."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.cimpl import NewTopic

WITHIN_S = 30.0


def make_topic(
    bootstrap: str,
    name: str,
    partitions: int = 4,
    config: Mapping[str, str] | None = None,
    replicas: int = 1,
    *,
    is_kept: bool = False,
) -> None:
    """Create a topic and wait until its partitions have leaders; `is_kept`: it may be there."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    wanted = NewTopic(name, partitions, replicas, config=dict(config or {}))
    try:
        admin.create_topics([wanted])[name].result(WITHIN_S)
    except KafkaException as error:
        if not is_kept or error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        return
    give_up_at_s = time.monotonic() + WITHIN_S
    while True:
        found = admin.list_topics(name, timeout=WITHIN_S).topics[name].partitions
        if len(found) == partitions and all(each.leader >= 0 for each in found.values()):
            return
        assert time.monotonic() < give_up_at_s, f"{name} has no leaders"


def drop_topic(bootstrap: str, name: str) -> None:
    """Delete a topic."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.delete_topics([name])[name].result(WITHIN_S)


def set_config(bootstrap: str, topic: str, name: str, value: str) -> None:
    """Change one setting of a topic."""
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.incremental_alter_configs([resource])[resource].result(WITHIN_S)


def read_all(bootstrap: str, *topics: str) -> list[Any]:
    """Every committed message of the topics, to the end that they have now."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "nobody",
            "enable.auto.commit": False,
            # Where a broker says that a new partition has no such offset yet: not to its end.
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": False,
        }
    )
    try:
        ends: dict[tuple[str, int], int] = {}
        for topic in topics:
            for number in consumer.list_topics(topic, timeout=WITHIN_S).topics[topic].partitions:
                place = TopicPartition(topic, number)
                low, high = _bounds(consumer, place)
                if high > low:
                    ends[topic, number] = high
        consumer.assign([TopicPartition(topic, number, 0) for topic, number in ends])
        found: list[Any] = []
        give_up_at_s = time.monotonic() + WITHIN_S
        while ends:
            assert time.monotonic() < give_up_at_s, f"not read to the end: {ends}"
            for message in consumer.consume(1_000, timeout=0.2):
                assert message.error() is None, message.error()
                found.append(message)
            for place in consumer.position([TopicPartition(*one) for one in ends]):
                if place.offset >= ends[place.topic, place.partition]:
                    del ends[place.topic, place.partition]
        return found
    finally:
        consumer.close()


def _bounds(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    """First and next offset; a broker that just came back is asked until it knows."""
    give_up_at_s = time.monotonic() + WITHIN_S
    while True:
        try:
            low, high = consumer.get_watermark_offsets(place, timeout=WITHIN_S)
        except KafkaException:
            if time.monotonic() > give_up_at_s:
                raise
            consumer.poll(0.1)
        else:
            return low, high
