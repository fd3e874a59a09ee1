"""A broker that dies under a running producer and comes back: no record is lost, none is twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pipeline.hosts.faust.client.batches import Outgoing
from pipeline.hosts.faust.client.errors import Abortable
from pipeline.hosts.faust.client.offsets import stable_offsets
from pipeline.hosts.faust.client.transactions import EpochProducer, Member
from pipeline.simulate.kafka import Node
from tests.hosts.faust.client.reading import read_committed
from tests.hosts.faust.topics import make_topic
from tests.kafka import require_kafka
from tests.wait import wait_until_async

TOPIC = "bounced"
ANYBODY = Member("bounced-group", -1, "", "")


class Committing:
    """Commits one epoch after the other, each with its number as its records and its offset."""

    def __init__(self, producer: EpochProducer) -> None:
        self._producer = producer
        self.done = 0
        self.is_ended = False

    async def run(self) -> None:
        while not self.is_ended:
            number = self.done
            outgoing: list[Outgoing] = [(b"k", b"%d" % number, [], 1_700_000_000_000)]
            records = {(TOPIC, partition): outgoing for partition in range(3)}
            try:
                await self._producer.commit(records, {(TOPIC, 0): number + 1}, ANYBODY)
            except Abortable:
                continue  # nothing of it is visible: the same epoch again
            self.done += 1


async def test_a_broker_that_is_killed_and_comes_back_loses_and_repeats_nothing(
    tmp_path: Path,
) -> None:
    require_kafka()
    with Node(tmp_path / "node") as node:
        make_topic(node.bootstrap, TOPIC, partitions=3)
        options = {"bootstrap_servers": node.bootstrap}
        producer = EpochProducer(options, "bounced-id", transaction_timeout_ms=240_000)
        await producer.start()
        committing = Committing(producer)
        task = asyncio.create_task(committing.run())
        for _ in range(2):
            goal = committing.done + 20
            await wait_until_async(lambda: committing.done > goal, what="epochs", deadline_s=120)  # noqa: B023
            node.kill()
            await asyncio.to_thread(node.resume)
            goal = committing.done + 20
            await wait_until_async(lambda: committing.done > goal, what="epochs", deadline_s=120)  # noqa: B023
        committing.is_ended = True
        await task
        expected = [b"%d" % number for number in range(committing.done)]
        found = read_committed(node.bootstrap, TOPIC)
        for partition in range(3):
            assert [m.value() for m in found if m.partition() == partition] == expected
        offsets = await stable_offsets(producer._link.client, ANYBODY.group, [(TOPIC, 0)])
        assert offsets == {(TOPIC, 0): (committing.done, "bounced-id")}
        await producer.stop()
