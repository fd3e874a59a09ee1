"""What tests of the client share: producers on a real broker, members of groups, faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from pipeline.hosts.faust import points
from pipeline.hosts.faust.client.group import EpochConsumer
from pipeline.hosts.faust.client.transactions import EpochProducer, Member
from tests.hosts.faust.client.faults import Faults
from tests.hosts.faust.topics import make_topic
from tests.kafka import Broker
from tests.wait import wait_until_async

NewProducer = Callable[..., Awaitable[EpochProducer]]
NewConsumer = Callable[..., Awaitable[EpochConsumer]]
TIMEOUT_MS = 60_000
"""Long, so that a busy machine is not taken for a lost broker."""


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    return Faults(monkeypatch)


@pytest.fixture
def seen_points(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The named points of an epoch, as they are reached."""
    seen: list[str] = []
    monkeypatch.setattr(points, "_listeners", [seen.append])
    return seen


@pytest.fixture
def topic(broker: Broker) -> str:
    name = broker.new_name("epochs")
    make_topic(broker.bootstrap, name)
    return name


@pytest.fixture
def anybody(broker: Broker) -> Member:
    """A group without members takes offsets from whoever names no generation."""
    return Member(broker.new_name("group"), -1, "", "")


@pytest.fixture
async def new_producer(broker: Broker) -> AsyncIterator[NewProducer]:
    made: list[EpochProducer] = []

    async def new(transactional_id: str = "", **options: Any) -> EpochProducer:
        options = {"transaction_timeout_ms": TIMEOUT_MS, **options}
        producer = EpochProducer(
            {"bootstrap_servers": broker.bootstrap},
            transactional_id or broker.new_name("writer"),
            **options,
        )
        made.append(producer)
        await producer.start()
        return producer

    yield new
    await asyncio.gather(*(producer.stop() for producer in made))


@pytest.fixture
async def producer(new_producer: NewProducer) -> EpochProducer:
    return await new_producer()


@pytest.fixture
async def new_consumer(broker: Broker) -> AsyncIterator[NewConsumer]:
    made: list[EpochConsumer] = []

    async def new(topic: str, group: str, instance_id: str, **options: Any) -> EpochConsumer:
        consumer = EpochConsumer(
            bootstrap_servers=broker.bootstrap,
            group_id=group,
            group_instance_id=instance_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            **{"session_timeout_ms": 20_000, "heartbeat_interval_ms": 100, **options},
        )
        made.append(consumer)
        await consumer.start()
        consumer.subscribe([topic])
        await wait_until_async(lambda: consumer.assignment() or consumer.lost, what="an assignment")
        return consumer

    yield new
    await asyncio.gather(*(consumer.stop() for consumer in made))
