"""A member of a group that is known by its slot, and that notices when it no longer is one.

Overrides of aiokafka's GroupCoordinator and AIOKafkaConsumer (0.14.0):

* `GroupCoordinator._do_heartbeat` — v3 with the instance id, so that of two processes with one
  slot the older is fenced; without it they take the partitions from each other for ever.
* `GroupCoordinator._send_req` — UNKNOWN_MEMBER_ID and FENCED_INSTANCE_ID after the first join are
  for good; aiokafka joins again under a new member id, or does not know the error.
* `GroupCoordinator.ensure_active_group` — who has lost its place, or left, does not join again.
* `GroupCoordinator.reset_generation` — a static member keeps its member id when only its
  generation is stale, or it would fence itself.
* `GroupCoordinator._on_join_complete` — the first proof of membership, before the first heartbeat.
* `GroupCoordinator._do_fetch_commit_offsets` — positions start from stable offsets only.
* `AIOKafkaConsumer.start` — makes the coordinator above, and a fetcher whose records are the
  engine's.
* `AIOKafkaConsumer.stop` — ends, whatever aiokafka's loops raise then, and closes the connections.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.protocol.group import SyncGroupRequest
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from pipeline.hosts.faust.client import codes
from pipeline.hosts.faust.client.batches import Place
from pipeline.hosts.faust.client.check import check
from pipeline.hosts.faust.client.codes import Code
from pipeline.hosts.faust.client.coordinators import Member
from pipeline.hosts.faust.client.errors import Fenced
from pipeline.hosts.faust.client.link import unreachable
from pipeline.hosts.faust.client.offsets import (
    answered_offsets,
    committed_offsets,
    offset_fetch,
    stable_offsets,
)
from pipeline.hosts.faust.client.records import FETCHER, EpochFetcher
from pipeline.hosts.faust.client.requests import HEARTBEAT, LEAVE_GROUP
from pipeline.hosts.steady import steady_s

_log = logging.getLogger(__name__)
_NO_GENERATION: Final = -1
_STOP_S_MAX: Final = 10.0
_NO_MEMBER: Final = ""


class Lost(KafkaError):  # type: ignore[misc]
    """The place in the group is gone for good; aiokafka's loops end on it."""


class Unstable(KafkaError):  # type: ignore[misc]
    """An open transaction is about to change these offsets: aiokafka asks again."""

    retriable = True


class EpochCoordinator(GroupCoordinator):  # type: ignore[misc]
    """aiokafka's member of a group, with the changes listed above."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.last_heartbeat_at_s = -math.inf
        """When the last request was sent, on the steady clock, that proves our membership."""
        self.lost: Fenced | None = None
        """Why this process has no place in the group any more, once it has none."""
        self._has_joined = False
        self._has_left = False
        self._synced_at_s = -math.inf
        super().__init__(*arguments, **options)

    async def _send_req(self, request: Any) -> Any:
        sent_at_s = steady_s()
        answer = await super()._send_req(request)
        code = getattr(answer, "error_code", 0)
        if code == Code.FENCED_INSTANCE_ID or (
            code == Code.UNKNOWN_MEMBER_ID and self._has_joined and not self._has_left
        ):
            self.lost = self.lost or Fenced(
                f"{self._group_instance_id} has no place in group {self.group_id} any more "
                f"({codes.name(code)}): another process uses the slot, or this one was silent for "
                "longer than the session timeout"
            )
            raise Lost(str(self.lost))
        if isinstance(request, SyncGroupRequest):
            self._synced_at_s = sent_at_s
        return answer

    async def _do_heartbeat(self) -> bool:
        asked_at_s = steady_s()
        request = HEARTBEAT(self.group_id, self.generation, self.member_id, self._group_instance_id)
        try:
            answer = await self._send_req(request)
        except Lost:
            raise
        except KafkaError as error:
            _log.info("no answer to a heartbeat in group %s: %s", self.group_id, error)
            return False
        code = answer.error_code
        if not code:
            self.last_heartbeat_at_s = asked_at_s
        elif code == Code.REBALANCE_IN_PROGRESS:
            # The member lives, but no longer than the rebalance waits for it: no proof of more.
            self.request_rejoin()
        elif code == Code.ILLEGAL_GENERATION:
            self.reset_generation()
        elif code in codes.COORDINATOR_MOVED:
            self.coordinator_dead()
        elif code != Code.COORDINATOR_LOAD_IN_PROGRESS:
            raise KafkaError(f"heartbeat in group {self.group_id}: {codes.name(code)}")
        return code in {Code.NONE, Code.REBALANCE_IN_PROGRESS}

    def reset_generation(self) -> None:
        """Join again: as the same member, unless it never was one."""
        self.generation = _NO_GENERATION
        if not self._has_joined:
            self.member_id = _NO_MEMBER
        self.request_rejoin()

    async def ensure_active_group(self, subscription: Any, prev_assignment: Any) -> Any:
        """Join if need be; who has lost its place or left it waits here for its end."""
        if self.lost is None and not self._has_left:
            return await super().ensure_active_group(subscription, prev_assignment)
        await asyncio.wait([self._closing])
        return None

    async def _on_join_complete(self, *joined: Any) -> None:
        self._has_joined = True
        self.last_heartbeat_at_s = self._synced_at_s
        await super()._on_join_complete(*joined)

    async def _do_fetch_commit_offsets(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        answer = await self._send_req(offset_fetch(self.group_id, partitions, is_stable=True))
        offsets, errors = answered_offsets(answer)
        for code in (answer.error_code, *errors.values()):
            if code in codes.COORDINATOR_MOVED:
                self.coordinator_dead()
            if code in {Code.UNSTABLE_OFFSET_COMMIT, *codes.COORDINATOR_BUSY} | (
                codes.COORDINATOR_MOVED
            ):
                raise Unstable(codes.name(code))
            if code:
                raise KafkaError(f"offsets of group {self.group_id}: {codes.name(code)}")
        return {
            TopicPartition(*place): OffsetAndMetadata(*found) for place, found in offsets.items()
        }

    async def leave(self) -> None:
        """LeaveGroup with the instance id: the others get the partitions at once."""
        self._has_left = True
        await self._stop_heartbeat_task()
        members = [(self.member_id, self._group_instance_id)]
        try:
            answer = await self._send_req(LEAVE_GROUP(self.group_id, members))
        except KafkaError as error:
            _log.warning("could not leave group %s: %s", self.group_id, error)
            return
        said = [answer.error_code, *(code for _, _, code in answer.members)]
        _log.info("left group %s: %s", self.group_id, ", ".join(codes.name(code) for code in said))


class EpochConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """A consumer whose offsets are committed by epochs and whose membership is watched.

    It needs `group_id` and `group_instance_id`, and lives on the loop on which it was made; only
    `last_heartbeat_at_s` and `lost` may be read from other threads.
    """

    _coordinator: EpochCoordinator | None

    async def start(self) -> None:
        """Connect; the group is joined when topics are subscribed to. Raises Mismatch where the
        fetcher that is overridden is another.
        """
        check(FETCHER)
        try:
            await self._client.bootstrap()
        except KafkaConnectionError as error:
            raise unreachable(self._client) from error
        await self._wait_topics()
        self._fetcher = EpochFetcher(
            self._client,
            self._subscription,
            fetch_min_bytes=self._fetch_min_bytes,
            fetch_max_bytes=self._fetch_max_bytes,
            fetch_max_wait_ms=self._fetch_max_wait_ms,
            max_partition_fetch_bytes=self._max_partition_fetch_bytes,
            check_crcs=self._check_crcs,
            fetcher_timeout=self._consumer_timeout,
            retry_backoff_ms=self._retry_backoff_ms,
            auto_offset_reset=self._auto_offset_reset,
            isolation_level=self._isolation_level,
            client_rack=self._client_rack,
        )
        self._coordinator = EpochCoordinator(
            self._client,
            self._subscription,
            group_id=self._group_id,
            group_instance_id=self._group_instance_id,
            heartbeat_interval_ms=self._heartbeat_interval_ms,
            session_timeout_ms=self._session_timeout_ms,
            retry_backoff_ms=self._retry_backoff_ms,
            enable_auto_commit=False,
            assignors=self._partition_assignment_strategy,
            exclude_internal_topics=self._exclude_internal_topics,
            rebalance_timeout_ms=self._rebalance_timeout_ms,
            max_poll_interval_ms=self._max_poll_interval_ms,
        )
        if self._subscription.subscription is not None:
            await self._subscription.wait_for_assignment()

    async def stop(self) -> None:
        """Close; whatever state the brokers are in, this ends.

        aiokafka's own loops are cancelled here while they may be waiting for a broker that is gone:
        what one of them raises then would end the thread before the connections are closed, and one
        that does not hear its cancellation would hold it for ever.
        """
        stopping = asyncio.ensure_future(super().stop())
        done, _ = await asyncio.wait([stopping], timeout=_STOP_S_MAX)
        if not done:
            stopping.cancel()
            _log.warning("the consumer did not stop within %g s", _STOP_S_MAX)
        elif stopping.cancelled():
            _log.info("a loop of the consumer was cut short at its end")
        elif (error := stopping.exception()) is not None:
            _log.warning("the consumer stopped on %r", error)
        await self._client.close()

    @property
    def last_heartbeat_at_s(self) -> float:
        """When membership was last proven, on the steady clock: the lease of all that is ours.

        It is the time at which the heartbeat was sent; -inf before the first join.
        """
        coordinator = self._coordinator
        return -math.inf if coordinator is None else coordinator.last_heartbeat_at_s

    @property
    def lost(self) -> Fenced | None:
        """Why this process has no place in its group any more, or None while it has one."""
        coordinator = self._coordinator
        return None if coordinator is None else coordinator.lost

    def check(self) -> None:
        """Raise what ended the membership; to be called wherever records are taken.

        Raises Fenced where the place in the group is lost, else aiokafka's errors of the group.
        """
        coordinator = self._coordinator
        if coordinator is not None:
            if coordinator.lost is not None:
                raise coordinator.lost
            coordinator.check_errors()

    def member(self) -> Member:
        """Who this consumer is to its group at this moment."""
        coordinator = self._coordinator
        if coordinator is None:
            return Member(self._group_id, _NO_GENERATION, _NO_MEMBER, self._group_instance_id)
        return Member(
            self._group_id,
            coordinator.generation,
            coordinator.member_id,
            self._group_instance_id,
        )

    async def leave(self) -> None:
        """Give the partitions up at once: for a scale-in, not for a restart. `stop` comes after."""
        if self._coordinator is not None:
            await self._coordinator.leave()

    async def committed_offsets(self, places: Iterable[Place]) -> dict[Place, tuple[int, str]]:
        """What the group has committed at this moment, as (offset, writer)."""
        return await committed_offsets(self._client, self._group_id, places)

    async def stable_offsets(
        self, places: Iterable[Place], *, within_s: float = 60.0
    ) -> dict[Place, tuple[int, str]]:
        """What the group has committed, as (offset, writer), once that is decided."""
        return await stable_offsets(self._client, self._group_id, places, within_s=within_s)
