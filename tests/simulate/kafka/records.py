"""What an independent client, librdkafka, does with a cluster: make topics, write, read."""

from __future__ import annotations

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.wait import wait_until


def make_topic(bootstrap: str, name: str, *, partitions: int = 1) -> None:
    """A topic with as many copies as the cluster makes by default."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topic = NewTopic(name, num_partitions=partitions, replication_factor=-1)
    admin.create_topics([topic])[name].result(30)


def write(bootstrap: str, topic: str, *values: bytes) -> None:
    """Write with acks=all; fails where one is not acknowledged."""
    answers: list[object] = []
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: answers.append(error))
    assert producer.flush(60) == 0
    assert answers == [None] * len(values)


def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    """The first records of a topic, in the order in which they came."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    found: list[bytes] = []

    def is_complete() -> bool:
        got = consumer.poll(0.2)
        if got is not None and not got.error():
            found.append(got.value() or b"")
        return len(found) >= count

    try:
        wait_until(is_complete, what=f"{count} records of {topic}", deadline_s=60)
    finally:
        consumer.close()
    return found
