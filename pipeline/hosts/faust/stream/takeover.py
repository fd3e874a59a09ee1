"""Takeover: from an assignment of partitions to tasks that run, in an order that loses nothing.

Fence who committed last and is gone; read the committed offsets once they are stable; only then
look where the changelogs end, and restore to there; then seek to the offsets read first. Restoring
before the offsets are stable can restore a state that those offsets are not the offsets of.

It takes the place of faust.tables.recovery.Recovery, and runs outside the group's join, so that
heartbeats go on while it restores.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, cast

import structlog
from faust.types import TP
from mode import Service

from pipeline.domain.errors import StoreError, UsageError
from pipeline.engine import Task
from pipeline.hosts.faust.client.offsets import fence
from pipeline.hosts.faust.stream.consumer import ConsumerThread
from pipeline.hosts.faust.stream.hosted import Hosted, TaskStore
from pipeline.hosts.faust.stream.shelf import Shelf

Place = tuple[str, int]
"""(topic, partition)."""

_log = structlog.get_logger("tocsin.takeover")


class Takeover(Service):
    """Restores the tasks of each assignment of one agent."""

    def __init__(self, app: Any, **options: Any) -> None:
        self.app = app
        self.completed = asyncio.Event()
        self._shelf = Shelf(
            app.setting, app.definition.name, app.shared.now_ms, app.shared.standbys
        )
        self._held: dict[int, Hosted] = {}
        self._running: asyncio.Task[None] | None = None
        super().__init__(**options)

    @property
    def _thread(self) -> ConsumerThread:
        return cast("ConsumerThread", self.app.consumer._thread)  # noqa: SLF001

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """A takeover under way is of an assignment that no longer counts."""
        if self._running is not None:
            self._running.cancel()
        self.app.shared.revoked(self.app.definition.name)

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly: set[TP], generation: int
    ) -> None:
        """Begin the takeover of what is assigned; the join does not wait for it."""
        before, number = self._running, self._thread.number
        places = {(tp.topic, tp.partition) for tp in assigned}
        task = self._take_over_after(before, places, number)
        self._running = asyncio.get_running_loop().create_task(task)

    def touch(self) -> None:
        """Note that the stores that are up to date are so. Call it now and then."""
        self._shelf.touch()

    async def on_stop(self) -> None:
        """Close the stores; the changelog has all that is in them."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self._shelf.close()

    async def _take_over_after(
        self, before: asyncio.Task[None] | None, places: set[Place], number: int
    ) -> None:
        if before is not None:
            await asyncio.gather(before, return_exceptions=True)
        try:
            await self._take_over(places, number)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  (crash only: the worker ends)
            self.app.fail(error)

    async def _take_over(self, places: set[Place], number: int) -> None:
        app = self.app
        partitions = self._partitions(places)
        await app.committer.learn_partitions()
        committed = await self._stable_offsets(places)
        first = await self._thread.first_offsets(places)
        standbys = {place.partition for place in app.assignor.assigned_standbys()}
        stores = await self._shelf.restore(partitions, standbys)
        held = {
            partition: self._host(partition, store, committed, first)
            for partition, store in stores.items()
        }
        self._held = held
        offsets = {
            (topic, partition): offset
            for partition, hosted in held.items()
            for topic, offset in hosted.following.items()
        }
        self._resume(held, await self._thread.seek_all(offsets, number))
        await app.shared.keep_warm(app.definition.name, standbys)

    def _resume(self, held: dict[int, Hosted], number: int) -> None:
        """Let Faust's machinery go on, then the epochs."""
        app = self.app
        app.flow_control.resume()
        app.consumer.resume_flow()
        app.tables.on_actives_ready()
        app.tables.on_standbys_ready()
        app.on_rebalance_end()
        self.completed.set()
        app.epochs.resume(held, number)
        app.add_future(app._fetcher.maybe_start())  # noqa: SLF001
        _log.info("takes over", agent=app.definition.name, partitions=sorted(held))

    def _partitions(self, places: Iterable[Place]) -> list[int]:
        """The tasks of an assignment. Raises UsageError where one lacks a topic of its own."""
        topics = set(self.app.definition.reads)
        by_partition: dict[int, set[str]] = {}
        for topic, partition in places:
            by_partition.setdefault(partition, set()).add(topic)
        for partition, found in by_partition.items():
            if found != topics:
                raise UsageError(
                    f"partition {partition} of {', '.join(sorted(topics - found))} is not assigned"
                    f" together with {', '.join(sorted(found))}: all topics of the agent"
                    f" {self.app.definition.name} need equally many partitions, as"
                    " `tocsin topology apply` makes them"
                )
        return sorted(by_partition)

    async def _stable_offsets(self, places: set[Place]) -> Mapping[Place, tuple[int, str]]:
        """What is committed, once no transaction can change it any more.

        Who committed last and is no member now may have left a transaction open: taking its
        transactional id aborts it at once, where waiting would take the transaction's timeout.
        """
        members = self._members()
        writers = {writer for _, writer in (await self._thread.offsets(places)).values()}
        gone = sorted(writer for writer in writers if writer and writer not in members)
        for writer in gone:
            _log.info("fences a former owner", transactional_id=writer)
            await fence(self.app.setting.options, writer)
        return await self._thread.stable_offsets(places)

    def _members(self) -> set[str]:
        """The transactional ids of the group's members, which Faust's assignor knows by URL."""
        prefix = f"{self.app.setting.group(self.app.definition.name)}-"
        urls = self.app.assignor.external_topic_distribution
        return {prefix + url.removeprefix("http://") for url in urls}

    def _host(
        self,
        partition: int,
        store: TaskStore,
        committed: Mapping[Place, tuple[int, str]],
        first: Mapping[Place, int],
    ) -> Hosted:
        """The task with all that was committed for it, by whomever."""
        app = self.app
        before = self._held.get(partition)
        if (
            before is not None
            and before.store is store
            and before.task.checkpoint == store.checkpoint()
        ):
            hosted = before  # nobody else had it meanwhile: its cache and its results still count
        else:
            task = Task(app.definition, partition, store, app.shared.globals, decoded=("receipts",))
            hosted = Hosted(task, store, {}, app.shared.crashes)
        hosted.following = {
            topic: _next_offset(hosted.task, topic, partition, committed, first)
            for topic in app.definition.reads
        }
        return hosted


def _next_offset(
    task: Task,
    topic: str,
    partition: int,
    committed: Mapping[Place, tuple[int, str]],
    first: Mapping[Place, int],
) -> int:
    """Where the task reads on in one of its topics.

    Offsets and state are committed together. Where the group's offset is gone (brokers forget
    those of a group that was away for long), the state knows it; where both have one and they
    differ, somebody moved one of them, and going on would lose or repeat alerts. One difference is
    nobody's: retention took records unread, and an epoch of wakes committed what is left.
    """
    by_group = committed.get((topic, partition), (-1, ""))[0]
    by_state = task.checkpoint.offsets.get(f"{topic}:{partition}", -1)
    kept = first[topic, partition]
    was_cut_off = by_state < by_group <= kept
    if by_group >= 0 and by_state >= 0 and by_group != by_state and not was_cut_off:
        raise StoreError(
            f"{task.name} has read {topic} up to {by_state} by its state, and up to {by_group} by"
            " its group's committed offset: somebody moved the group's offsets, or the changelog"
            " is not this group's. Set the group's offset back, or remove the changelog topic"
            " (the state is lost then) and start again"
        )
    known = max(by_group, by_state)
    if known >= 0 and known < kept:
        _log.error(
            "records were deleted before they were read",
            topic=topic,
            partition=partition,
            read_up_to=known,
            kept_from=kept,
        )
    return max(known, kept)
