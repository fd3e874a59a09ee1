"""A member keeps its place by its slot, proves it by heartbeats, and knows when it has lost it."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress

import pytest
from aiokafka.errors import NodeNotReadyError
from confluent_kafka.admin import AdminClient

from pipeline.hosts.faust.client import group as group_module
from pipeline.hosts.faust.client.codes import Code
from pipeline.hosts.faust.client.errors import Fenced
from pipeline.hosts.faust.client.group import EpochConsumer, Lost
from tests.hosts.faust.client.conftest import NewConsumer
from tests.hosts.faust.client.faults import HEARTBEAT, JOIN_GROUP, OFFSET_FETCH, Faults
from tests.kafka import Broker
from tests.wait import wait_until_async


@pytest.fixture
def group(broker: Broker) -> str:
    return broker.new_name("group")


def partitions(consumer: EpochConsumer) -> set[int]:
    return {place.partition for place in consumer.assignment()}


def members(broker: Broker, group: str) -> list[str]:
    """Whom the coordinator counts as members."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    described = admin.describe_consumer_groups([group])[group].result(30)
    return [member.member_id for member in described.members]


async def test_a_restart_keeps_partitions_and_generation_of_a_slot(
    topic: str, group: str, new_consumer: NewConsumer
) -> None:
    other = await new_consumer(topic, group, "slot-2")
    first = await new_consumer(topic, group, "slot-1")
    await wait_until_async(lambda: len(other.assignment()) == 2, what="an even share")
    before, was = partitions(first), first.member()
    await first.stop()
    again = await new_consumer(topic, group, "slot-1")
    now = again.member()
    assert partitions(again) == before
    assert now.generation == was.generation == other.member().generation
    assert now.member_id != was.member_id
    assert (now.group, now.instance_id) == (group, "slot-1")


async def test_of_two_processes_with_one_slot_the_older_ends(
    topic: str, group: str, new_consumer: NewConsumer
) -> None:
    older = await new_consumer(topic, group, "slot-1")
    older.check()
    newer = await new_consumer(topic, group, "slot-1")
    lost = await wait_until_async(lambda: older.lost, what="the older one to notice")
    assert "another process uses the slot" in str(lost)
    with pytest.raises(Fenced, match="FENCED_INSTANCE_ID"):
        older.check()
    sent_at_s = newer.last_heartbeat_at_s
    await wait_until_async(lambda: newer.last_heartbeat_at_s > sent_at_s, what="a heartbeat")
    newer.check()
    assert partitions(newer) == {0, 1, 2, 3}


async def test_who_was_silent_for_too_long_does_not_join_again(
    broker: Broker, topic: str, group: str, new_consumer: NewConsumer, faults: Faults
) -> None:
    consumer = await new_consumer(topic, group, "slot-1", session_timeout_ms=1_000)
    joined = faults.sent[JOIN_GROUP]
    silence = asyncio.get_running_loop().create_future()
    faults.hold(HEARTBEAT, silence)  # as in a process that is stopped
    await wait_until_async(lambda: not members(broker, group), what="the session to end")
    silence.set_result(None)
    lost = await wait_until_async(lambda: consumer.lost, what="the loss to be noticed")
    assert "UNKNOWN_MEMBER_ID" in str(lost)
    with pytest.raises((Fenced, Lost)):
        consumer.check()
    assert faults.sent[JOIN_GROUP] == joined


async def test_leaving_gives_partitions_up_at_once(
    topic: str, group: str, new_consumer: NewConsumer
) -> None:
    leaving = await new_consumer(topic, group, "slot-1", session_timeout_ms=60_000)
    staying = await new_consumer(topic, group, "slot-2", session_timeout_ms=60_000)
    await leaving.leave()
    await leaving.stop()
    await wait_until_async(lambda: len(staying.assignment()) == 4, what="all partitions")
    assert leaving.lost is None


async def test_stopping_gives_nothing_up(
    topic: str, group: str, new_consumer: NewConsumer, faults: Faults
) -> None:
    stopping = await new_consumer(topic, group, "slot-1")
    staying = await new_consumer(topic, group, "slot-2")
    await wait_until_async(lambda: len(stopping.assignment()) == 2, what="an even share")
    before = staying.member()
    await stopping.stop()
    sent = faults.sent[HEARTBEAT]
    await wait_until_async(lambda: faults.sent[HEARTBEAT] > sent + 5, what="heartbeats")
    assert staying.member() == before
    assert len(staying.assignment()) == 2


async def test_membership_is_proven_by_the_join_and_by_every_heartbeat(
    broker: Broker, topic: str, group: str, new_consumer: NewConsumer
) -> None:
    alone = EpochConsumer(
        bootstrap_servers=broker.bootstrap, group_id=group, group_instance_id="slot-9"
    )
    assert alone.last_heartbeat_at_s == -math.inf
    assert alone.member().generation == -1
    alone.check()
    await alone.stop()
    before_s = time.monotonic()
    consumer = await new_consumer(topic, group, "slot-1", heartbeat_interval_ms=200)
    first_s = consumer.last_heartbeat_at_s
    assert before_s < first_s < time.monotonic()
    await wait_until_async(lambda: consumer.last_heartbeat_at_s > first_s, what="a heartbeat")


async def test_a_heartbeat_that_says_rebalance_proves_nothing(
    topic: str, group: str, new_consumer: NewConsumer, faults: Faults
) -> None:
    consumer = await new_consumer(topic, group, "slot-1", heartbeat_interval_ms=60_000)
    joined, proven_s = faults.sent[JOIN_GROUP], consumer.last_heartbeat_at_s
    faults.refuse(HEARTBEAT, Code.REBALANCE_IN_PROGRESS)
    assert consumer._coordinator is not None
    assert await consumer._coordinator._do_heartbeat() is True
    assert consumer.last_heartbeat_at_s == proven_s
    await wait_until_async(lambda: faults.sent[JOIN_GROUP] > joined, what="another join")


async def test_a_stale_generation_joins_again_as_the_same_member(
    topic: str, group: str, new_consumer: NewConsumer, faults: Faults
) -> None:
    consumer = await new_consumer(topic, group, "slot-1", heartbeat_interval_ms=60_000)
    before = consumer.member()
    faults.refuse(HEARTBEAT, Code.ILLEGAL_GENERATION)
    assert consumer._coordinator is not None
    assert await consumer._coordinator._do_heartbeat() is False
    await wait_until_async(lambda: consumer.member().generation > 0, what="another join")
    assert consumer.member().member_id == before.member_id
    assert consumer.lost is None


@pytest.mark.parametrize("code", [Code.NOT_COORDINATOR, Code.COORDINATOR_LOAD_IN_PROGRESS])
async def test_heartbeats_outlive_a_coordinator_that_moves(
    topic: str, group: str, new_consumer: NewConsumer, faults: Faults, code: Code
) -> None:
    consumer = await new_consumer(topic, group, "slot-1")
    faults.refuse(HEARTBEAT, code, times=2)
    faults.lose(HEARTBEAT)
    proven_s = consumer.last_heartbeat_at_s
    sent = faults.sent[HEARTBEAT]
    await wait_until_async(lambda: faults.sent[HEARTBEAT] > sent + 3, what="heartbeats")
    await wait_until_async(lambda: consumer.last_heartbeat_at_s > proven_s, what="a proof")
    consumer.check()
    assert len(consumer.assignment()) == 4


async def test_positions_start_from_what_the_group_committed(
    topic: str, group: str, new_consumer: NewConsumer, faults: Faults
) -> None:
    consumer = await new_consumer(topic, group, "slot-1")
    place = next(iter(consumer.assignment()))
    assert await consumer.position(place) == 0
    assert await consumer.committed(place) is None
    assert faults.sent[OFFSET_FETCH] >= 1


async def test_it_stops_whatever_its_loops_raise_and_closes_the_connections(
    topic: str, group: str, new_consumer: NewConsumer
) -> None:
    consumer = await new_consumer(topic, group, "slot-1")

    loops = consumer._fetcher._pending_tasks
    for error in (asyncio.CancelledError, NodeNotReadyError):
        loops.add(asyncio.ensure_future(_until_cancelled(error)))
    await asyncio.sleep(0)
    await consumer.stop()
    assert not [one for one in consumer._client._conns.values() if one.connected()]


async def test_a_loop_that_does_not_hear_its_end_does_not_hold_the_rest(
    topic: str, group: str, new_consumer: NewConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_module, "_STOP_S_MAX", 0.5)
    consumer = await new_consumer(topic, group, "slot-1")
    released = asyncio.Event()

    async def deaf() -> None:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()

    loop = asyncio.ensure_future(deaf())
    consumer._fetcher._pending_tasks.add(loop)
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await consumer.stop()
    assert not [one for one in consumer._client._conns.values() if one.connected()]
    released.set()
    await loop


async def _until_cancelled(error: type[BaseException]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        raise error
