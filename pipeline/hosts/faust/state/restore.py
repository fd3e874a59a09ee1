"""Restore: bring a store up to the true end of its changelog, before its task runs.

The caller has fenced the former owner and has seen the group's offsets stable; only then is the
end asked for, so that all the former owner has committed lies before it (design §6, rule 3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from pipeline.domain.errors import StoreError
from pipeline.domain.store import Changes, Checkpoint, Store
from pipeline.hosts.faust.client.batches import Place
from pipeline.hosts.faust.client.bulk import BulkReader, Stretch
from pipeline.hosts.faust.client.unpack import Row
from pipeline.hosts.faust.state.changelog import CHECKPOINT_KEY, decode_checkpoint
from pipeline.hosts.faust.state.trust import Changelog

SPEED_KNOWN_AFTER_S: Final = 0.05
"""Earlier than that a speed says nothing."""


class ChangelogStore(Store, Protocol):
    """A Store that knows how far into its changelog it goes: RocksStore or ChangelogMemory."""

    @property
    def position(self) -> int:
        """The next changelog offset that is not yet applied."""
        ...

    def write_at(self, changes: Changes, checkpoint: Checkpoint, position: int) -> None:
        """Apply an epoch that is committed, whose changelog ends before `position`."""
        ...

    def load(
        self,
        latest: Mapping[bytes, bytes | None],
        checkpoint: Checkpoint,
        position: int,
        written_at_ms: int,
    ) -> None:
        """Apply a stretch of the changelog, the last value per record key."""
        ...

    def touch(self, now_ms: int) -> None:
        """Say that the store holds all of the changelog as it is now."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


class Progress(NamedTuple):
    """How far a restore has come."""

    place: Place
    records: int
    offsets_done: int
    offsets_total: int
    elapsed_s: float

    @property
    def records_per_s(self) -> float:
        """0 until it can be told."""
        return self.records / self.elapsed_s if self.elapsed_s > SPEED_KNOWN_AFTER_S else 0.0

    @property
    def remaining_s(self) -> float:
        """Until the end at this speed; 0 until it can be told."""
        if not self.offsets_done or self.elapsed_s <= SPEED_KNOWN_AFTER_S:
            return 0.0
        left = self.offsets_total - self.offsets_done
        return left * self.elapsed_s / self.offsets_done


def ignore(_: Progress) -> None:
    """Nobody wants to know."""


async def changelogs(
    reader: BulkReader, topic: str, partitions: Sequence[int]
) -> dict[int, Changelog]:
    """The changelog of each partition as it is now, by which a store on disk is judged.

    Raises what BulkReader raises, StoreError where the topic has not that many partitions.
    """
    described = await reader.describe(topic)
    missing = [partition for partition in partitions if partition >= described.partitions]
    if missing:
        raise StoreError(
            f"{topic} has {described.partitions} partitions, and the agent needs number"
            f" {missing[0]}: `tocsin topology plan` shows what is amiss"
        )
    bounds = await reader.bounds([(topic, partition) for partition in partitions])
    return {
        partition: Changelog(
            topic_id=described.topic_id,
            first=bounds[topic, partition].first,
            next=bounds[topic, partition].next,
            delete_retention_ms=described.delete_retention_ms,
        )
        for partition in partitions
    }


async def restore(
    reader: BulkReader,
    place: Place,
    store: ChangelogStore,
    now_ms: int,
    tell: Callable[[Progress], None] = ignore,
) -> Checkpoint:
    """Apply what the changelog has from the store's position to its end, and nothing that is
    not committed. Gives the checkpoint to go on from.

    A stretch is as large as one answer of the broker (bulk.PARTITION_BYTES_MAX), and is written
    together with its position, so that a restore that is cut short goes on from there. Raises
    StoreError where the changelog grows meanwhile, and what BulkReader raises.
    """
    loop = asyncio.get_running_loop()
    began_at_s, start, records = loop.time(), store.position, 0
    until = (await reader.bounds([place]))[place].next
    async for stretch in reader.read(place, start, until):
        if stretch.rows and stretch.rows[-1][2] >= until:
            raise StoreError(
                f"{place[0]}-{place[1]} grows while it is restored: another process still writes"
                " the state of this task"
            )
        apply(store, stretch, now_ms)
        records += len(stretch.rows)
        done = stretch.next - start
        tell(Progress(place, records, done, until - start, loop.time() - began_at_s))
    if store.position < until:
        store.load({}, store.checkpoint(), until, now_ms)
    store.touch(now_ms)
    return store.checkpoint()


def apply(store: ChangelogStore, stretch: Stretch, now_ms: int) -> None:
    """Write one stretch and its position.

    Before the end of the log it is as old as its last record: tombstones that follow may be
    forgotten so much earlier, however late the stretch is read. Where that cannot be told, since
    all of it was aborted, the next stretch says it.
    """
    if stretch.next >= stretch.high_watermark:
        written_at_ms = now_ms
    elif stretch.rows:
        written_at_ms = min(now_ms, stretch.rows[-1][3])
    else:
        return
    latest, checkpoint = squeeze(stretch.rows)
    store.load(latest, checkpoint or store.checkpoint(), stretch.next, written_at_ms)


def squeeze(rows: Sequence[Row]) -> tuple[dict[bytes, bytes | None], Checkpoint | None]:
    """The last value per record key, and the last checkpoint among them. Raises StoreError."""
    latest: dict[bytes, bytes | None] = {row[0] or b"": row[1] for row in rows}
    raw = latest.pop(CHECKPOINT_KEY, None)
    return latest, None if raw is None else decode_checkpoint(raw)
