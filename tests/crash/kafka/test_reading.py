"""What the oracle reads of a real broker: committed records alone, and whether anything hangs."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.crash.kafka import oracle
from tests.crash.kafka.reading import Broker as Reading
from tests.crash.kafka.reading import Entry, Watching
from tests.kafka import Broker
from tests.wait import wait_until


def make_topic(broker: Broker, partitions: int = 1) -> str:
    name = broker.new_name("oracle")
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)
    return name


def transactional(broker: Broker, name: str) -> Producer:
    producer = Producer(
        {
            "bootstrap.servers": broker.bootstrap,
            "transactional.id": name,
            "transaction.timeout.ms": 60_000,
            "log_level": 0,
        }
    )
    producer.init_transactions(30)
    return producer


def write(producer: Producer, topic: str, *keys: str, is_committed: bool = True) -> None:
    producer.begin_transaction()
    for key in keys:
        producer.produce(topic, b"", key, partition=0)
    if is_committed:
        producer.commit_transaction(30)
    else:
        producer.flush(30)


@pytest.fixture
def topic(broker: Broker) -> str:
    return make_topic(broker)


def test_only_what_is_committed_is_read_and_offsets_have_holes(broker: Broker, topic: str) -> None:
    producer = transactional(broker, topic)
    write(producer, topic, "a", "b")
    write(producer, topic, "gone", is_committed=False)
    producer.abort_transaction(30)
    write(producer, topic, "c")
    reading = Reading(broker.bootstrap)
    wait_until(
        lambda: oracle.check_ended(reading.ends([(topic, 0)])) == [], what="the markers are written"
    )
    found = reading.read([topic])[topic]
    assert found == [Entry(0, 0, b"a", b""), Entry(0, 1, b"b", b""), Entry(0, 5, b"c", b"")]


def test_an_open_transaction_is_seen_to_hang(broker: Broker, topic: str) -> None:
    write(transactional(broker, topic), topic, "a")
    hanging = transactional(broker, f"{topic}-2")
    write(hanging, topic, "b", is_committed=False)
    reading = Reading(broker.bootstrap)
    (complaint,) = oracle.check_ended(reading.ends([(topic, 0)]))
    assert complaint.kind == "hanging"
    assert [entry.key for entry in reading.read([topic])[topic]] == [b"a"]
    hanging.abort_transaction(30)
    wait_until(lambda: not oracle.check_ended(reading.ends([(topic, 0)])), what="it ended")


def test_offsets_of_a_group_with_their_metadata(broker: Broker, topic: str) -> None:
    group = broker.new_name("group")
    producer = transactional(broker, topic)
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group})
    producer.begin_transaction()
    producer.produce(topic, b"", "a")
    position = TopicPartition(topic, 0, 7, metadata=f"{group}-slot")
    producer.send_offsets_to_transaction([position], consumer.consumer_group_metadata(), 30)
    producer.commit_transaction(30)
    consumer.close()
    reading = Reading(broker.bootstrap)
    wait_until(lambda: reading.committed(group, [(topic, 0)]), what="the offset is committed")
    ((place, (offset, metadata)),) = reading.committed(group, [(topic, 0)]).items()
    assert (place, offset) == ((topic, 0), 7)
    assert metadata.startswith(f"{group}-slot")


def test_a_watcher_from_the_start_reads_what_a_reader_after_it_does(
    broker: Broker, topic: str
) -> None:
    watching = Watching(broker.bootstrap, [topic], {broker.new_name("nobody"): topic})
    producer = transactional(broker, topic)
    for number in range(5):
        write(producer, topic, *(f"{number}-{key}" for key in range(50)))
    wait_until(lambda: watching.count(topic) == 250, what="all were seen")
    after = Reading(broker.bootstrap).read([topic])
    assert len(after[topic]) == 250
    assert oracle.check_same(watching.finish(), after) == []
