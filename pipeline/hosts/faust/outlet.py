"""Outlet: an idempotent producer with acks=all of which a batch can be given up.

aiokafka's own tries a batch for ever, also an hour after its sender was told that it failed, and
once one has failed for good its partition takes no further one. Here a batch has until its oldest
request is late; then its lane goes on under a new producer id, and the other lanes do not notice.
Per broker one request is under way; what arrives meanwhile goes together in the next one. That
is the group commit; to linger besides made 100 concurrent senders slower, not fewer requests.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.structs import TopicPartition

from pipeline.domain.errors import Busy, StoreError
from pipeline.hosts.faust.client import codes
from pipeline.hosts.faust.client.codes import Code
from pipeline.hosts.faust.lane import Batch, Lane, Slot

REQUEST_TIMEOUT_MS: Final = 2_000
"""A broker that does not answer a request for so long is asked again, over a new connection."""

BATCH_SIZE_BYTES_MAX: Final = 512 * 1024
"""A batch of one partition; below the 1 MB that a broker takes by default."""

REQUEST_SIZE_BYTES_MAX: Final = 8 * 2**20
"""Batches in one request to one broker; the rest goes in the next one."""

RETRY_S: Final = 0.05
LOOK_WITHIN_S: Final = 3.0
UNANSWERED: Final = (KafkaError, OSError, TimeoutError, KeyError)
"""What a request that was not answered ends with (KeyError: aiokafka's own bookkeeping when the
connection it wants to close is gone)."""

_ALL_REPLICAS: Final = -1
_NO_TRANSACTION_MS: Final = 2**31 - 1
_MISSING_ACL: Final = frozenset(
    {Code.TOPIC_AUTHORIZATION_FAILED, Code.CLUSTER_AUTHORIZATION_FAILED}
)


class Outlet:
    """Sends what `put` hands in, to `topics`, each with the size in bytes of its largest record.

    `on_failure` is told why whenever something was given up.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        topics: Mapping[str, int],
        on_failure: Callable[[str], None],
    ) -> None:
        timeout = {"request_timeout_ms": REQUEST_TIMEOUT_MS}
        self._client = AIOKafkaClient(**{**options, **timeout})
        self._topics = topics
        self._on_failure = on_failure
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._active: dict[tuple[str, int], Lane] = {}
        self._busy: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._work = asyncio.Event()
        self._producer: tuple[int, int] | None = None
        self._is_asking_for_id = False
        self._counts: dict[str, int] = {}
        self.missing: dict[str, str] = {}

    async def open(self) -> None:
        """Connect and look for the topics; those that are not there are `missing`. Raises Busy."""
        for topic in self._topics:
            self._client.add_topic(topic)
        if not await self.look():
            raise Busy("Kafka cannot be reached")
        self._spawn(self._pump())

    async def close(self) -> None:
        """Send nothing more, and drop the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()

    async def look(self) -> bool:
        """Ask anew which topics there are; whether a broker answered."""
        if not (await self._asked() or (await self._bootstrapped() and await self._asked())):
            return False
        cluster = self._client.cluster
        self.missing = {}
        for topic in self._topics:
            partitions = cluster.partitions_for_topic(topic)
            if partitions:
                self._counts[topic] = len(partitions)
            elif topic in cluster.unauthorized_topics:
                self.missing[topic] = f"{topic}: this user may not see it; grant DESCRIBE and WRITE"
            else:
                self.missing[topic] = f"there is no topic {topic}: run `tocsin topology apply`"
        return True

    async def _asked(self) -> bool:
        """Ask a broker that is known."""
        if not self._client.cluster.brokers():
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_WITHIN_S):
                return bool(await self._client.force_metadata_update())
        return False

    async def _bootstrapped(self) -> bool:
        """Ask where the first brokers were said to be: all that are known may have moved."""
        with contextlib.suppress(*UNANSWERED):
            async with asyncio.timeout(LOOK_WITHIN_S):
                await self._client.bootstrap()
                return True
        return False

    def count(self, topic: str) -> int:
        """How many partitions a topic has, or had: a broker that just started may not know it yet.

        Raises StoreError where it was never seen.
        """
        if topic not in self._counts:
            raise StoreError(self.missing.get(topic, f"{topic} is no topic that the edge writes"))
        return self._counts[topic]

    def put(self, topic: str, partition: int, slot: Slot) -> None:
        """Hand in a record for the next batch of its partition."""
        place = topic, partition
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = Lane(topic=topic, partition=partition)
        lane.waiting.append(slot)
        self._active[place] = lane
        self._work.set()

    def give_up(self, late_s: float) -> None:
        """Try no batch any more whose oldest request was asked before `late_s`, on the clock of
        the event loop; forget what waits behind it for a request that is over.
        """
        for lane in self._active.values():
            lane.forget_what_is_over()
            if lane.batch is not None and lane.batch.asked_at_s < late_s:
                why = lane.why or "no broker answered"
                self._give_up(lane, f"{lane.topic} was not written in time: {why}")

    def _give_up(self, lane: Lane, why: str) -> None:
        self._on_failure(why)
        lane.give_up(Busy(why))
        # Under the id that it had, the lane's first sequence would look like one long written.
        self._producer = None

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pump(self) -> None:
        """Send what is ready whenever there is something, and a broker is free to take it."""
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            self._work.clear()
            ready: dict[int, list[Lane]] = {}
            for place, lane in list(self._active.items()):
                if not lane.has_work:
                    del self._active[place]
                elif not lane.is_under_way and self._is_ready(lane, loop.time()):
                    leader = self._client.cluster.leader_for_partition(TopicPartition(*place))
                    if leader is None or leader < 0:
                        self._again(lane, f"nobody leads {lane.topic}-{lane.partition}")
                    elif leader not in self._busy:
                        ready.setdefault(leader, []).append(lane)
            for node, lanes in ready.items():
                self._busy.add(node)
                self._spawn(self._produce(node, lanes))

    def _is_ready(self, lane: Lane, now_s: float) -> bool:
        if lane.again_at_s > now_s:
            return False
        if lane.producer is None:
            lane.producer = self._producer
        if lane.producer is None and not self._is_asking_for_id:
            self._is_asking_for_id = True
            self._spawn(self._ask_for_id())
        return lane.producer is not None

    async def _ask_for_id(self) -> None:
        """A producer id for the lanes that have none."""
        request = InitProducerIdRequest(None, _NO_TRANSACTION_MS)
        try:
            answer = await self._client.send(self._client.get_random_node(), request)
        except UNANSWERED:
            code = int(Code.NETWORK_EXCEPTION)
        else:
            code = answer.error_code
            if not code:
                self._producer = answer.producer_id, answer.producer_epoch
        self._is_asking_for_id = False
        if code in _MISSING_ACL:
            why = "this user may not write idempotently; grant it WRITE on a topic"
            self._refuse([lane for lane in self._active.values() if lane.producer is None], why)
        elif code:
            self._client.force_metadata_update()
            await asyncio.sleep(RETRY_S)
        self._work.set()

    async def _produce(self, node: int, lanes: list[Lane]) -> None:
        sent = self._fill(lanes)
        try:
            if sent:
                self._settle(sent, await self._send(node, sent))
        finally:
            for lane, _ in sent:
                lane.is_under_way = False
            self._busy.discard(node)
            self._work.set()

    def _fill(self, lanes: list[Lane]) -> list[tuple[Lane, Batch]]:
        sent: list[tuple[Lane, Batch]] = []
        size_bytes = 0
        for lane in lanes:
            if size_bytes < REQUEST_SIZE_BYTES_MAX:
                batch = lane.fill(min(BATCH_SIZE_BYTES_MAX, self._topics[lane.topic]))
                if batch is not None:
                    lane.is_under_way = True
                    size_bytes += len(batch.buffer)
                    sent.append((lane, batch))
        return sent

    async def _send(
        self, node: int, sent: list[tuple[Lane, Batch]]
    ) -> dict[tuple[str, int], tuple[int, int]] | str:
        """The code and first offset of each partition, or why there was no answer."""
        topics: dict[str, list[tuple[int, bytearray]]] = {}
        for lane, batch in sent:
            topics.setdefault(lane.topic, []).append((lane.partition, batch.buffer))
        request = ProduceRequest(
            None,
            _ALL_REPLICAS,
            REQUEST_TIMEOUT_MS,
            list(topics.items()),
        )
        try:
            answer: Any = await self._client.send(node, request)
        except UNANSWERED:
            return f"broker {node} does not answer"
        return {
            (topic, found[0]): (found[1], found[2])
            for topic, places in answer.topics
            for found in places
        }

    def _settle(
        self,
        sent: list[tuple[Lane, Batch]],
        answer: dict[tuple[str, int], tuple[int, int]] | str,
    ) -> None:
        for lane, batch in sent:
            if lane.batch is not batch:
                continue  # it was given up meanwhile
            if isinstance(answer, str):
                self._again(lane, answer)
                continue
            code, first = answer.get((lane.topic, lane.partition), (Code.NETWORK_EXCEPTION, -1))
            if code in (Code.NONE, Code.DUPLICATE_SEQUENCE_NUMBER):
                lane.landed(first)
            elif code in codes.LEADER_RETRIED or code == Code.UNKNOWN_TOPIC_OR_PARTITION:
                self._again(
                    lane, f"Kafka says {codes.name(code)}", is_stale=code in codes.STALE_METADATA
                )
            elif code in _MISSING_ACL:
                self._refuse([lane], "this user may not write it; grant it WRITE")
            elif code in codes.TOO_LARGE:
                self._refuse([lane], "it takes only smaller records: run `tocsin topology plan`")
            else:
                self._give_up(lane, f"{lane.topic} was not written: Kafka says {codes.name(code)}")

    def _again(self, lane: Lane, why: str, *, is_stale: bool = True) -> None:
        loop = asyncio.get_running_loop()
        lane.why = why
        lane.again_at_s = loop.time() + RETRY_S
        loop.call_later(RETRY_S, self._work.set)
        if is_stale:
            self._client.force_metadata_update()

    def _refuse(self, lanes: list[Lane], why: str) -> None:
        """What only a person can change is not tried again."""
        self._producer = None
        for lane in lanes:
            self._on_failure(f"{lane.topic}: {why}")
            lane.refuse(StoreError(f"{lane.topic}: {why}"))
