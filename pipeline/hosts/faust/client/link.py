"""A link to the cluster: aiokafka's connections and metadata, asked with bounded patience.

aiokafka's own producer waits 20 ms when a transaction's markers are still being written and 100 ms
after any other refusal; an epoch is finished in 5. Here the first wait is 2 ms and grows to 50.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from io import BytesIO
from typing import Any, Final

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.conn import CloseReason
from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    NodeNotReadyError,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.protocol.types import CompactArray, CompactString, Int16, TaggedFields
from aiokafka.structs import TopicPartition

from pipeline.hosts.faust.client.codes import COORDINATOR_BUSY, COORDINATOR_MOVED
from pipeline.hosts.faust.client.errors import Refused, UnknownTopic, Unreachable
from pipeline.hosts.faust.client.requests import API_VERSIONS, END_TXN_V5

GROUP: Final = CoordinationType.GROUP
TRANSACTION: Final = CoordinationType.TRANSACTION
COORDINATION: Final = ConnectionGroup.COORDINATION
UNANSWERED: Final = (KafkaError, OSError, TimeoutError)
"""A request that failed so was perhaps carried out, perhaps not."""

_WAIT_FIRST_S: Final = 0.002
_WAIT_MAX_S: Final = 0.05
_TRANSACTION_VERSION: Final = "transaction.version"
_EPOCHS_RAISED_FROM: Final = 2
_FINALIZED_FEATURES: Final = 2
"""The tag of the finalized features in an ApiVersions response."""
_FEATURES: Final = CompactArray(
    ("name", CompactString("utf-8")),
    ("highest", Int16),
    ("lowest", Int16),
    ("tags", TaggedFields),
)


class Patience:
    """Waits between tries: 2 ms at first, then half as long again each time, at most 50 ms."""

    def __init__(self) -> None:
        self._wait_s = _WAIT_FIRST_S

    async def wait(self) -> None:
        """Sleep for a moment, and longer the next time."""
        await asyncio.sleep(self._wait_s)
        self._wait_s = min(self._wait_s * 1.5, _WAIT_MAX_S)


async def _answered(connection: Any, waiting: Awaitable[Any]) -> Any:
    try:
        return await waiting
    except TimeoutError:
        connection.close(reason=CloseReason.CONNECTION_TIMEOUT)
        raise


def unreachable(client: AIOKafkaClient) -> Unreachable:
    """What to say where none of the brokers that a client was given lets us in."""
    return Unreachable(", ".join(sorted(f"{host}:{port}" for host, port, _ in client.hosts)))


class Link:
    """Connections to the brokers, who leads which partition, and who coordinates what."""

    def __init__(
        self,
        options: Mapping[str, Any],
        request_timeout_ms: int,
        client: AIOKafkaClient | None = None,
    ) -> None:
        """`options` are aiokafka's for a connection; a `client` of somebody else needs none."""
        self.client = client or AIOKafkaClient(
            **{**options, "request_timeout_ms": request_timeout_ms}
        )
        self.request_timeout_ms = request_timeout_ms
        self._coordinators: dict[tuple[CoordinationType, str], int] = {}

    async def start(self) -> None:
        """Connect to a broker. Raises Unreachable where none lets us in."""
        try:
            await self.client.bootstrap()
        except KafkaConnectionError as error:
            raise unreachable(self.client) from error

    async def stop(self) -> None:
        """Close every connection."""
        await self.client.close()

    async def partitions(self, topic: str, patience_s: float) -> int:
        """How many partitions a topic has; raises UnknownTopic, or Refused where it is not ours."""
        cluster = self.client.cluster
        self.client.add_topic(topic)
        give_up_at_s = asyncio.get_running_loop().time() + patience_s
        patience = Patience()
        while True:
            partitions = cluster.partitions_for_topic(topic)
            if partitions:
                return len(partitions)
            if topic in cluster.unauthorized_topics:
                raise Refused(topic, "this user may not see it: an ACL for Describe is missing")
            if asyncio.get_running_loop().time() > give_up_at_s:
                raise UnknownTopic(topic)
            await self.refresh()
            await patience.wait()

    async def refresh(self) -> None:
        """Ask the cluster for its metadata; returns when an answer came or none could be had."""
        await self.client.force_metadata_update()

    def leader(self, topic: str, partition: int) -> int | None:
        """The broker that leads a partition; None where that is not known before a refresh."""
        node = self.client.cluster.leader_for_partition(TopicPartition(topic, partition))
        if node is None:
            self.client.add_topic(topic)  # or a refresh would not ask about it
        return None if node is None or node < 0 else node

    async def connect(self, node: int) -> Any:
        """The connection to a broker that carries records; raises where there is none."""
        if not await self.client.ready(node):
            raise NodeNotReadyError(f"broker {node} cannot be reached")
        return self.client._conns[node, ConnectionGroup.DEFAULT]  # noqa: SLF001

    @staticmethod
    def post(connection: Any, call: Any) -> Awaitable[Any]:
        """Write a request to a connection, now; what is returned waits for the answer."""
        return _answered(connection, connection.send(call))

    async def coordinator(self, kind: CoordinationType, key: str) -> int:
        """The broker that coordinates a transactional id or a group, and can be reached now."""
        found = self._coordinators.get((kind, key))
        if found is not None:
            return found
        patience = Patience()
        while True:
            try:
                node = await self.client.coordinator_lookup(kind, key)
                if await self.client.ready(node, group=COORDINATION):
                    self._coordinators[kind, key] = node
                    return int(node)
            except (GroupAuthorizationFailedError, TransactionalIdAuthorizationFailed) as error:
                raise Refused(key, "this user may not use it: an ACL is missing") from error
            except (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, *UNANSWERED):
                pass
            await self.refresh()
            await patience.wait()

    def forget_coordinator(self, kind: CoordinationType, key: str) -> None:
        """Look this coordinator up again before it is asked again."""
        self._coordinators.pop((kind, key), None)

    async def open(self, kind: CoordinationType, key: str) -> Any:
        """The connection to a coordinator, connected; nothing has been sent on it yet."""
        patience = Patience()
        while True:
            node = await self.coordinator(kind, key)
            if await self.client.ready(node, group=COORDINATION):
                return self.client._conns[node, COORDINATION]  # noqa: SLF001
            self.forget_coordinator(kind, key)
            await patience.wait()

    async def ask(
        self,
        kind: CoordinationType,
        key: str,
        call: Any,
        codes: Callable[[Any], Iterable[int]],
        *,
        is_repeatable: bool = True,
    ) -> Any:
        """Ask a coordinator until it answers with something other than "not now" or "not me".

        `codes` are the error codes of an answer; what they mean is the caller's. A request that is
        not `is_repeatable` is sent again only after an answer; unanswered, its error is raised.
        """
        patience = Patience()
        while True:
            node = await self.coordinator(kind, key)
            try:
                answer = await self.client.send(node, call, group=COORDINATION)
            except UNANSWERED:
                self.forget_coordinator(kind, key)
                if not is_repeatable:
                    raise
            else:
                seen = set(codes(answer))
                if seen & COORDINATOR_MOVED:
                    self.forget_coordinator(kind, key)
                elif not seen & COORDINATOR_BUSY:
                    return answer
            await patience.wait()

    async def raises_epochs(self, transactional_id: str) -> bool:
        """Whether EndTxn v5 may be used: offered, and `transaction.version` 2 is switched on."""
        patience = Patience()
        answer: Any = None
        while answer is None:
            try:
                connection = await self.open(TRANSACTION, transactional_id)
                answer = await self.post(connection, API_VERSIONS("tocsin", "1"))
            except UNANSWERED:
                self.forget_coordinator(TRANSACTION, transactional_id)
                await patience.wait()
        offered: dict[int, int] = {
            key: highest for key, _lowest, highest, _tags in answer.api_versions or ()
        }
        features = _FEATURES.decode(BytesIO(answer.tags.get(_FINALIZED_FEATURES, b"\x01"))) or []
        level: dict[str, int] = {name: highest for name, highest, _lowest, _tags in features}
        return (
            offered.get(END_TXN_V5.key, 0) >= END_TXN_V5.version
            and level.get(_TRANSACTION_VERSION, 0) >= _EPOCHS_RAISED_FROM
        )
