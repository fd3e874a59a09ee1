"""Mutants: one rule of the engine broken each, by replacing a function in this process alone.

Only the worker of the crash tests imports this. `make mutants` shows that each is caught; a rule
whose mutant lives is a rule that nobody watches.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.transaction import TxnOffsetCommitRequest

from pipeline.engine.task import Task
from pipeline.hosts.faust.client import bulk
from pipeline.hosts.faust.client.batches import Writer
from pipeline.hosts.faust.client.coordinators import Coordinators, Member
from pipeline.hosts.faust.client.errors import Abortable, Indefinite
from pipeline.hosts.faust.client.group import EpochConsumer
from pipeline.hosts.faust.client.link import GROUP, TRANSACTION, UNANSWERED
from pipeline.hosts.faust.client.transactions import EpochProducer
from pipeline.hosts.faust.points import reached
from pipeline.hosts.faust.stream import consumer, producer
from pipeline.hosts.faust.stream.commit import Committer
from pipeline.hosts.faust.stream.shelf import Shelf
from pipeline.hosts.faust.stream.takeover import Takeover
from pipeline.hosts.faust.worker import Worker

Offsets = Mapping[tuple[str, int], int]


def put(owner: Any, name: str, value: Any) -> None:
    """Put a function, or whatever it is, in the place of another."""
    setattr(owner, name, value)


async def _post(coordinators: Coordinators, group: str, request: Any) -> None:
    """Ask a group's coordinator in the way of aiokafka, and insist that it agrees."""
    link: Any = coordinators._link
    answer = await link.post(await link.open(GROUP, group), request)
    said = getattr(answer, "topics", None) or answer.errors
    assert not any(code for _, places in said for _, code in places), answer


def ignore_sends() -> None:
    """(a) A batch that failed is not looked at: its transaction commits without it."""
    put(EpochProducer, "_check", lambda *_: None)


def restore_to_stable() -> None:
    """(b) The end of a changelog is its last stable offset."""
    put(bulk, "_READ_UNCOMMITTED", bulk._READ_COMMITTED)


def write_before_commit() -> None:
    """(c) RocksDB gets an epoch's rows before its transaction has ended."""
    commit = Committer.commit

    async def early(self: Committer, batches: Sequence[Any]) -> Any:
        for batch in batches:
            store = batch.hosted.store
            store.write_at(batch.ran.changes, store.checkpoint(), store.position)
        return await commit(self, batches)

    put(Committer, "commit", early)


def read_uncommitted() -> None:
    """(d) The consumer takes what no transaction has committed."""
    make: Any = EpochConsumer

    def dirty(**options: Any) -> Any:
        return make(**{**options, "isolation_level": "read_uncommitted"})

    put(consumer, "EpochConsumer", dirty)


def commit_offsets_apart() -> None:
    """(e) Offsets are committed beside the transaction."""

    async def apart(self: Coordinators, offsets: Offsets, member: Member) -> None:
        topics: dict[str, list[tuple[int, int, str]]] = {}
        for (topic, partition), offset in offsets.items():
            topics.setdefault(topic, []).append((partition, offset, self.transactional_id))
        request = OffsetCommitRequest(
            member.group, member.generation, member.member_id, -1, list(topics.items())
        )
        await _post(self, member.group, request)

    put(Coordinators, "stage_offsets", apart)


def commit_unfenced() -> None:
    """(f) A transactional id that nobody knows, and offsets without generation and member."""
    make: Any = EpochProducer

    def unknown(options: Any, transactional_id: str, **rest: Any) -> Any:
        return make(options, f"{transactional_id}-{secrets.token_hex(4)}", **rest)

    async def anyhow(self: Coordinators, offsets: Offsets, member: Member) -> None:
        topics: dict[str, list[tuple[int, int, str]]] = {}
        for (topic, partition), offset in offsets.items():
            topics.setdefault(topic, []).append((partition, offset, ""))
        request = TxnOffsetCommitRequest(
            self.transactional_id, member.group, *self.writer, list(topics.items())
        )
        await _post(self, member.group, request)

    put(producer, "EpochProducer", unknown)
    put(Coordinators, "stage_offsets", anyhow)


def go_on_after_timeout() -> None:
    """(g) An EndTxn without an answer counts as aborted, and the producer goes on as it is."""

    async def once(self: Coordinators, *, is_committed: bool) -> None:
        connection = await self._link.open(TRANSACTION, self.transactional_id)
        try:
            answer = await self._send_end(connection, is_committed=is_committed)
        except UNANSWERED as error:
            raise Abortable("no answer, so it will not have been committed") from error
        assert not answer.error_code, answer
        self.writer = Writer(answer.producer_id, answer.producer_epoch)

    async def finish(self: EpochProducer, until_s: float) -> None:
        reached("before-end")
        try:
            await self._end(is_committed=True)
        except Abortable:
            self._is_open = False
            raise
        reached("ended")

    put(Coordinators, "end", once)
    put(EpochProducer, "_finish", finish)


def stage_offsets_early() -> None:
    """Offsets are staged before the data is durable."""

    async def write(self: EpochProducer, records: Any, offsets: Offsets, member: Member) -> Any:
        batches = self._build(records)
        self._begin(batches)
        await self._add_partitions(batches)
        await self._add_offsets(member.group)
        await self._stage_offsets(offsets, member)
        reached("after-offsets")
        batches = await self._append(batches)
        self._check(batches)
        reached("sent")
        return {batch.place: batch.last_offset for batch in batches}

    put(EpochProducer, "_write", write)


def restore_before_offsets() -> None:
    """Tables are restored first, and offsets read when they are stable after it, as Faust does."""
    stable = Takeover._stable_offsets

    async def restored_first(self: Any, places: Any) -> Any:
        stores = await Shelf.restore(self._shelf, {number for _, number in places}, ())

        async def as_it_was(*_: Any) -> Any:
            return stores

        self._shelf.restore = as_it_was
        return await stable(self, places)

    put(Takeover, "_stable_offsets", restored_first)


def resend_end_v3() -> None:
    """EndTxn in a version that does not raise the epoch, sent again when it is not answered."""
    take_id, end = Coordinators.take_id, Coordinators.end

    async def without_epochs(self: Coordinators) -> None:
        await take_id(self)
        self.raises_epochs = False

    async def until_answered(self: Coordinators, *, is_committed: bool) -> None:
        while True:
            try:
                return await end(self, is_committed=is_committed)
            except Indefinite:
                continue

    put(Coordinators, "take_id", without_epochs)
    put(Coordinators, "end", until_answered)


def swallow_neighbours() -> None:
    """What stands behind a poison event in its batch goes with it."""
    attempt: Any = Task._attempt_apart
    try_one: Any = Task._with_savepoint
    is_over = False

    def attempt_anew(self: Any, batch: Any) -> Any:
        nonlocal is_over
        is_over = False
        return attempt(self, batch)

    def unless_over(self: Any, step: Any, stage: str) -> bool:
        nonlocal is_over
        if is_over:
            return False
        is_over = bool(try_one(self, step, stage))
        return is_over

    put(Task, "_attempt_apart", attempt_anew)
    put(Task, "_with_savepoint", unless_over)


def ignore_lease() -> None:
    """Calls are made whether or not the group still counts this worker in."""
    put(Worker, "lease_s", lambda *_: 3_600.0)


MUTANTS: Final[dict[str, Callable[[], None]]] = {
    one.__name__: one
    for one in (
        ignore_sends,
        restore_to_stable,
        write_before_commit,
        read_uncommitted,
        commit_offsets_apart,
        commit_unfenced,
        go_on_after_timeout,
        stage_offsets_early,
        restore_before_offsets,
        resend_end_v3,
        swallow_neighbours,
        ignore_lease,
    )
}
"""By name: (a) to (g) of the issue's list, and five more."""
