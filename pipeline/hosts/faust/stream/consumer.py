"""Consumer: Faust's consumer, whose drain is the loop of epochs and whose fetches are numbered.

Overrides of faust.transport.drivers.aiokafka and faust.transport.consumer (0.15.3):

* `Consumer._drain_messages` — Faust hands over message by message and commits by a timer.
* `Consumer.commit`, `force_commit` — offsets are committed by an epoch's transaction alone.
* `Consumer.on_partitions_revoked` — Faust drops acknowledged offsets first; here the open epoch
  ends first.
* `Consumer._new_consumer_thread`, `AIOKafkaConsumerThread._create_worker_consumer` — a consumer
  that commits with its generation, and is known by its slot.
* `Consumer.verify_event_path` — it looks at acknowledgements that an epoch replaces.
* `Consumer.close` — Faust closes the client from another thread than its own, when a rebalance
  meets the end of the process.
* `ConsumerRebalanceListener` — aiokafka logs what a rebalance raises, and goes on with nobody at
  work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, cast

from aiokafka import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode import Service

from pipeline.hosts.faust.client.coordinators import Member
from pipeline.hosts.faust.client.errors import Fenced, Late
from pipeline.hosts.faust.client.group import EpochConsumer
from pipeline.hosts.faust.stream.hosted import Batch

POLL_INTERVAL_MS: Final = 3_600_000
"""aiokafka leaves the group when nobody polls for so long. A restore may take its time; that
epochs go on is watched by their own timeout."""

Place = tuple[str, int]
"""(topic, partition)."""

Offsets = Mapping[Place, tuple[int, str]]
"""What a group has committed, as (offset, writer); a place without an offset is left out."""

FETCH_WAIT_MS: Final = 500
FETCH_MIN_BYTES: Final = 1

WATCH_EVERY_S: Final = 1.0
"""So often somebody looks whether the membership is lost, or its thread dead."""


class RebalanceListener(driver.ConsumerRebalanceListener):
    """Numbers assignments: what was fetched before a rebalance is told from what came after."""

    def on_partitions_revoked(self, revoked: Any) -> Any:
        """The number changes first, in the consumer's thread, before anything may wait."""
        cast("ConsumerThread", self._thread).number += 1
        return self._or_fail(super().on_partitions_revoked(revoked))

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Begin the takeover."""
        await self._or_fail(super().on_partitions_assigned(assigned))

    async def _or_fail(self, step: Awaitable[Any]) -> None:
        try:
            await step
        except Exception as error:
            cast("Any", self._thread.app).fail(error)
            raise


Fetch = tuple[int, Mapping[Any, Sequence[Any]]]
"""Records, and the number under which they left the fetcher."""


def _settle(fetched: Future[Fetch], task: asyncio.Task[Fetch]) -> None:
    if task.cancelled():
        fetched.set_exception(asyncio.CancelledError())  # the thread ends
    elif error := task.exception():
        fetched.set_exception(error)
    else:
        fetched.set_result(task.result())


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread in which aiokafka's consumer lives."""

    def __post_init__(self) -> None:
        self.number = 0
        self._fetching: asyncio.Task[Fetch] | None = None
        super().__post_init__()

    def _create_worker_consumer(self, transport: Any) -> EpochConsumer:
        app: Any = self.app
        setting = app.setting
        self._assignor = app.assignor
        return EpochConsumer(
            **setting.options,
            client_id=app.conf.id,
            group_id=app.conf.id,
            group_instance_id=setting.transactional_id(app.definition.name),
            partition_assignment_strategy=[app.assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_poll_interval_ms=POLL_INTERVAL_MS,
            session_timeout_ms=setting.session_timeout_ms,
            rebalance_timeout_ms=setting.session_timeout_ms,
            heartbeat_interval_ms=setting.heartbeat_ms,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            fetch_min_bytes=FETCH_MIN_BYTES,
        )

    @property
    def client(self) -> EpochConsumer:
        """The consumer itself. Raises ConsumerNotStarted before its start."""
        return cast("EpochConsumer", self._ensure_consumer())

    async def fetch(self, limit: int, within_s: float) -> Fetch:
        """At most `limit` records, and the number under which they left the fetcher."""
        # Not by `call_thread`: for each call mode makes three tasks that wait for its queue.
        fetched: Future[Fetch] = Future()
        self.thread_loop.call_soon_threadsafe(self._begin_fetch, fetched, limit, within_s)
        return await asyncio.wrap_future(fetched)

    def _begin_fetch(self, fetched: Future[Fetch], limit: int, within_s: float) -> None:
        if fetched.set_running_or_notify_cancel():
            task = self.thread_loop.create_task(self._fetch_numbered(limit, within_s))
            self._fetching = task
            task.add_done_callback(partial(_settle, fetched))

    async def _fetch_numbered(self, limit: int, within_s: float) -> Fetch:
        consumer = self.client
        consumer.check()
        fetcher = consumer._fetcher  # noqa: SLF001
        with fetcher._subscriptions.fetch_context():  # noqa: SLF001
            records = await fetcher.fetched_records((), timeout=within_s, max_records=limit)
        # Nothing is awaited between the fetcher's last act and this line.
        return self.number, records

    async def seek_all(self, offsets: Mapping[tuple[str, int], int], number: int) -> int:
        """Seek, and give the number that counts from now on. Where `number` is no longer the one
        that counts, a rebalance has begun: then nothing is done, and it is given back.
        """
        return cast("int", await self.call_thread(self._seek_all, offsets, number))

    async def _seek_all(self, offsets: Mapping[tuple[str, int], int], number: int) -> int:
        if self.number != number:
            return number
        for (topic, partition), offset in offsets.items():
            self.client.seek(TopicPartition(topic, partition), offset)
        self.number += 1
        return self.number

    async def offsets(self, places: Iterable[Place]) -> Offsets:
        """What the group's coordinator has committed by now, with who committed it."""
        return cast("Offsets", await self.call_thread(self.client.committed_offsets, places))

    async def stable_offsets(self, places: Iterable[Place]) -> Offsets:
        """As `offsets`, once no open transaction can change them any more."""
        return cast("Offsets", await self.call_thread(self.client.stable_offsets, places))

    async def first_offsets(self, places: Iterable[Place]) -> Mapping[Place, int]:
        """The first offset that each partition still keeps."""
        found = await self.call_thread(
            self.client.beginning_offsets, [TopicPartition(*place) for place in places]
        )
        return {(place.topic, place.partition): offset for place, offset in found.items()}

    def lag(self, place: Place, following: int) -> int | None:
        """At most so many records of a partition are committed and not read by any epoch yet;
        None where that is not known, as in a rebalance.

        Transactions leave holes between offsets, so this is not exact until it is 0.
        """
        subscription = self.client._subscription.subscription  # noqa: SLF001
        assignment = None if subscription is None else subscription.assignment
        state = None if assignment is None else assignment.state_value(TopicPartition(*place))
        if state is None or state.lso is None or not state.has_valid_position:
            return None
        end: int = state.lso
        position: int = state.position
        return max(0, end - max(following, position))

    async def check(self) -> None:
        """Raises what has ended the membership, Fenced where the thread has ended, and Late where
        it stands still.
        """
        looked: Future[None] = Future()
        try:
            self.thread_loop.call_soon_threadsafe(self._look, looked)
        except RuntimeError:
            raise Fenced("the thread of the consumer has ended") from None
        session_s = cast("Any", self.app).setting.session_timeout_ms / 1_000
        try:
            async with asyncio.timeout(session_s):
                await asyncio.wrap_future(looked)
        except TimeoutError:
            raise Late(f"the thread of the consumer stands still for {session_s:g} s") from None

    def _look(self, looked: Future[None]) -> None:
        if not looked.set_running_or_notify_cancel():
            return
        try:
            if self._consumer is not None:
                self.client.check()
        except BaseException as error:  # noqa: BLE001  (whoever asks is told)
            looked.set_exception(error)
        else:
            looked.set_result(None)

    async def leave(self) -> None:
        """Leave the group, so that others get the partitions at once."""
        await self.call_thread(self.client.leave)

    def member(self) -> Member:
        """Who this worker is to its group at this moment."""
        return self.client.member()


class Consumer(driver.Consumer):
    """The consumer service of an AgentApp."""

    RebalanceListener = RebalanceListener
    _thread: ConsumerThread

    def _new_consumer_thread(self) -> ConsumerThread:
        # Faust keeps unacknowledged messages weakly: one that nobody holds would count as done.
        self._unacked_messages = set()
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: Any) -> None:
        app: Any = self.app
        try:
            await app.epochs.run(lambda: self.should_stop or fetcher.should_stop)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  (crash only: the worker ends)
            app.fail(error)

    @Service.task
    async def _watch(self) -> None:
        """While a rebalance runs no epoch does, and nobody else would notice such an end. The App
        is told directly: mode trips over the closed event loop of a thread that has ended.
        """
        try:
            while not self.should_stop:
                await self._thread.check()
                await self.sleep(WATCH_EVERY_S)
        except Exception as error:  # noqa: BLE001  (crash only: the worker ends)
            cast("Any", self.app).fail(error)

    async def deliver(self, batches: Sequence[Batch]) -> None:
        """Give the batches to the agent as messages; return when all are acknowledged."""
        topic = next(iter(cast("Any", self.app).definition.reads))
        messages = [self._message(topic, batch) for batch in batches]
        for message in messages:
            await self.callback(message)
        while not all(message.acked for message in messages):
            self._waiting_for_ack = self.loop.create_future()
            await self._waiting_for_ack
        self._waiting_for_ack = None
        self._acked.clear()
        self._acked_index.clear()

    def _message(self, topic: str, batch: Batch) -> ConsumerMessage:
        partition = batch.hosted.partition
        return ConsumerMessage(
            topic,
            partition,
            batch.hosted.following[topic],
            batch.now_ms / 1_000,
            0,
            [],
            None,
            cast("Any", batch),
            None,
            0,
            0,
            TP(topic, partition),
            generation_id=self.app.consumer_generation_id,
        )

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let the open epoch end before anything is given up."""
        async with cast("Any", self.app).epochs.quiet():
            pass
        await super().on_partitions_revoked(revoked)

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002
        """Nothing: Faust's timers must not commit what an epoch commits."""
        return False

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002
        """Nothing, as `commit`."""
        return False

    async def perform_seek(self) -> None:
        """Nothing: a takeover seeks to the offsets that it fetched before it restored."""

    def close(self) -> None:
        """Nothing: the consumer's thread closes it when it stops."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: it complains of acknowledgements that epochs do not leave behind."""
