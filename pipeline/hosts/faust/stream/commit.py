"""Committer: an epoch's way to Kafka. One transaction with everything, then the stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.hosts.faust.client.errors import StaleGeneration
from pipeline.hosts.faust.client.transactions import EpochProducer
from pipeline.hosts.faust.points import reached
from pipeline.hosts.faust.stream.consumer import Consumer, ConsumerThread
from pipeline.hosts.faust.stream.hosted import Batch
from pipeline.hosts.faust.stream.records import Writer

if TYPE_CHECKING:
    from pipeline.hosts.faust.stream.app import AgentApp


class Committer:
    """The ports of one agent's epochs (see epochs.Ports)."""

    def __init__(self, app: AgentApp) -> None:
        self._app = app
        self._counts: dict[str, int] = {}
        changelog = app.setting.changelog(app.definition.name)
        self._changelog = changelog
        self._writer = Writer(changelog, self._counts)
        self._first_topic = next(iter(app.definition.reads))

    @property
    def _consumer(self) -> Consumer:
        return self._app.consumer  # type: ignore[return-value]

    @property
    def _thread(self) -> ConsumerThread:
        return self._consumer._thread  # noqa: SLF001

    @property
    def producer(self) -> EpochProducer:
        """The one producer of this App."""
        return self._app.producer.epochs  # type: ignore[attr-defined, no-any-return]

    async def learn_partitions(self) -> None:
        """Ask how many partitions each topic has that this agent may write.

        Raises UnknownTopic, before anything is read, where one is not there.
        """
        definition = self._app.definition
        for topic in (*definition.writes, "dead-letters", "journal", self._changelog):
            self._counts[topic] = await self.producer.partitions(topic)

    def assignment_number(self) -> int:
        """Our own count of assignments and seeks."""
        return self._thread.number

    async def fetch(self, limit: int, within_s: float) -> tuple[int, Mapping[Any, Sequence[Any]]]:
        """Records, and the number under which they left the fetcher."""
        return await self._thread.fetch(limit, within_s)

    async def deliver(self, batches: Sequence[Batch]) -> None:
        """Give the batches to the Faust agent, and wait for its acknowledgements."""
        self._member = self._thread.member()
        await self._consumer.deliver(batches)

    async def commit(self, batches: Sequence[Batch]) -> None:
        """One transaction: outputs, changes, journal, offsets. Then the stores, each as a whole."""
        if self._member.generation < 0:
            # A group that is empty would take offsets of nobody in particular: no fence at all.
            raise StaleGeneration(f"{self._app.conf.id} is in no generation of its group")
        outbound = self._writer.write([(batch.hosted.partition, batch.ran) for batch in batches])
        offsets = {
            (topic, batch.hosted.partition): offset
            for batch in batches
            for topic, offset in batch.offsets(self._first_topic).items()
        }
        last = await self.producer.commit(outbound, offsets, self._member)
        for batch in batches:
            position = last[self._changelog, batch.hosted.partition] + 1
            effects = batch.ran
            batch.hosted.store.write_at(effects.changes, effects.checkpoint, position)
            batch.committed()
        reached("written")

    async def rewind(self, number: int) -> int:
        """Seek every partition to what is committed, unless a rebalance has begun."""
        tasks = self._app.epochs.tasks
        return await self._thread.seek_all(
            {
                (topic, partition): offset
                for partition, hosted in tasks.items()
                for topic, offset in hosted.following.items()
            },
            number,
        )

    def prepare(self) -> None:
        """Take in new globals."""
        self._app.shared.prepare()
