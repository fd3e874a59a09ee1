"""The partition of a key is the one on which other clients look for it."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import murmur2
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st

from pipeline.hosts.faust.client.partitions import KEYS_MAX, key_hash, partition_of
from tests.hosts.faust.client.reading import read_committed
from tests.hosts.faust.topics import make_topic
from tests.kafka import Broker

# From Kafka's own UtilsTest.testMurmur2.
KNOWN = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "known"), KNOWN.items())
@pytest.mark.parametrize("count", [1, 3, 12, 100])
def test_it_is_javas(key: bytes, known: int, count: int) -> None:
    assert partition_of(key, count) == (known & 0x7FFFFFFF) % count


@given(st.binary(max_size=200))
def test_it_is_that_of_aiokafka(key: bytes) -> None:
    assert key_hash(key) == murmur2(key) & 0x7FFFFFFF


def test_what_is_remembered_is_bounded() -> None:
    assert key_hash.cache_info().maxsize == KEYS_MAX


def test_librdkafka_agrees_on_a_real_topic(broker: Broker) -> None:
    topic = broker.new_name("keys")
    make_topic(broker.bootstrap, topic, partitions=7)
    writer = Producer({"bootstrap.servers": broker.bootstrap, "partitioner": "murmur2"})
    for number in range(200):
        writer.produce(topic, key=b"scope-%d" % (number * 7919))
    assert writer.flush(30) == 0
    found = read_committed(broker.bootstrap, topic)
    assert len(found) == 200
    for message in found:
        assert message.partition() == partition_of(message.key(), 7)
