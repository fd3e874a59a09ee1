"""Restore on a real broker: all that is committed, nothing that is not, only what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.domain.errors import StoreError
from pipeline.domain.store import Checkpoint
from pipeline.hosts.faust.client.bulk import Bounds, BulkReader, Stalled
from pipeline.hosts.faust.client.errors import UnknownTopic
from pipeline.hosts.faust.state.memory import ChangelogMemory
from pipeline.hosts.faust.state.restore import ChangelogStore, Progress, changelogs, restore
from pipeline.hosts.faust.state.rocks import RocksStore
from pipeline.hosts.faust.state.trust import Changelog
from tests.hosts.faust.state.topics import NOW_MS, new_topic, reading, writing
from tests.kafka import Broker

Open = Callable[[Changelog], ChangelogStore]
END = "\U0010ffff"


@pytest.fixture(params=["rocksdb", "memory"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    if request.param == "memory":
        return lambda log: ChangelogMemory(log.first)
    return lambda log: RocksStore.open(tmp_path / "decide-0", log, NOW_MS)


async def describe(reader: BulkReader, topic: str) -> Changelog:
    return (await changelogs(reader, topic, [0]))[0]


async def test_state_and_checkpoint_are_those_of_the_last_committed_epoch(
    broker: Broker, open_store: Open
) -> None:
    topic = await new_topic(broker, "log")
    async with writing(broker) as writer, reading(broker) as reader:
        await writer.commit(topic, {("t", "a"): b"1", ("t", "b"): b"1", ("u", "é"): b"1"}, 1)
        await writer.commit(topic, {("t", "a"): b"2", ("t", "b"): None}, 2)
        await writer.abort(topic, {("t", "a"): b"9", ("t", "x"): b"9", ("v", "x"): b"9"}, 3)
        await writer.commit(topic, {("t", "c"): b"4"}, 4)
        await writer.abort(topic, {("t", "c"): None, ("u", "é"): None}, 5)
        log = await describe(reader, topic)
        store = open_store(log)
        checkpoint = await restore(reader, (topic, 0), store, NOW_MS)
    assert checkpoint == Checkpoint(epoch=4, now_ms=NOW_MS + 4, offsets={"alerts:0": 40})
    assert checkpoint == store.checkpoint()
    assert list(store.scan("t", "", END)) == [("a", b"2"), ("c", b"4")]
    assert list(store.scan("u", "", END)) == [("é", b"1")]
    assert list(store.scan("v", "", END)) == []
    assert store.position == log.next
    store.close()


async def test_an_open_transaction_is_waited_for_and_what_it_becomes_is_applied(
    broker: Broker, open_store: Open
) -> None:
    topic = await new_topic(broker, "log")
    async with writing(broker) as writer, reading(broker) as reader:
        await writer.commit(topic, {("t", "a"): b"1"}, 1)
        await writer.producer.begin_transaction()
        await writer.send(topic, {("t", "a"): b"2"}, 2)
        store = open_store(await describe(reader, topic))
        restoring = asyncio.create_task(restore(reader, (topic, 0), store, NOW_MS))
        done, _ = await asyncio.wait({restoring}, timeout=0.7)
        assert not done
        assert store.checkpoint().epoch < 2
        await writer.producer.commit_transaction()
        assert (await restoring).epoch == 2
    assert store.get("t", "a") == b"2"
    store.close()


async def test_fencing_the_dead_owner_ends_its_open_transaction(
    broker: Broker, open_store: Open
) -> None:
    topic, name = await new_topic(broker, "log"), broker.new_name("slot")
    async with writing(broker, name) as dead, reading(broker) as reader:
        await dead.commit(topic, {("t", "a"): b"1"}, 1)
        await dead.producer.begin_transaction()
        await dead.send(topic, {("t", "a"): b"2", ("t", "b"): b"2"}, 2)
        store = open_store(await describe(reader, topic))
        async with writing(broker, name):
            checkpoint = await restore(reader, (topic, 0), store, NOW_MS)
        await dead.producer._sender.close()
    assert checkpoint.epoch == 1
    assert list(store.scan("t", "", END)) == [("a", b"1")]
    store.close()


async def test_a_transaction_that_nobody_ends_stops_the_restore(
    broker: Broker, open_store: Open
) -> None:
    topic = await new_topic(broker, "log")
    async with writing(broker) as writer, reading(broker, patience_s=1) as reader:
        await writer.commit(topic, {("t", "a"): b"1"}, 1)
        await writer.producer.begin_transaction()
        await writer.send(topic, {("t", "a"): b"2"}, 2)
        store = open_store(await describe(reader, topic))
        with pytest.raises(Stalled, match="was not ended"):
            await restore(reader, (topic, 0), store, NOW_MS)
        assert store.get("t", "a") in {None, b"1"}
        await writer.producer.abort_transaction()
    store.close()


async def test_a_store_on_disk_reads_only_what_it_lacks(broker: Broker, tmp_path: Path) -> None:
    topic, folder = await new_topic(broker, "log"), tmp_path / "decide-0"
    seen: list[Progress] = []
    async with writing(broker) as writer, reading(broker) as reader:
        await writer.commit(topic, {("t", str(n)): b"1" for n in range(100)}, 1)
        store = RocksStore.open(folder, await describe(reader, topic), NOW_MS)
        await restore(reader, (topic, 0), store, NOW_MS, seen.append)
        assert seen[-1].records == 101
        store.close()
        await writer.commit(topic, {("t", "7"): b"2", ("t", "8"): None}, 2)
        seen.clear()
        store = RocksStore.open(folder, await describe(reader, topic), NOW_MS)
        checkpoint = await restore(reader, (topic, 0), store, NOW_MS, seen.append)
        assert seen[-1].records == 3
        assert seen[-1].offsets_done == seen[-1].offsets_total == 4
        assert (checkpoint.epoch, store.get("t", "7"), store.get("t", "8")) == (2, b"2", None)
        seen.clear()
        assert (await restore(reader, (topic, 0), store, NOW_MS, seen.append)).epoch == 2
        assert seen == []
        store.close()


async def test_a_topic_made_anew_sets_the_store_aside(broker: Broker, tmp_path: Path) -> None:
    first, second = await new_topic(broker, "log"), await new_topic(broker, "log")
    async with writing(broker) as writer, reading(broker) as reader:
        await writer.commit(first, {("t", "a"): b"1"}, 1)
        await writer.commit(second, {("t", "b"): b"1"}, 1)
        for topic, rows in ((first, [("a", b"1")]), (second, [("b", b"1")])):
            log = await describe(reader, topic)
            store = RocksStore.open(tmp_path / "decide-0", log, NOW_MS)
            assert (store.set_aside is not None) is (topic == second)
            await restore(reader, (topic, 0), store, NOW_MS)
            assert list(store.scan("t", "", END)) == rows
            store.close()


async def test_many_stretches_give_what_one_would(broker: Broker, open_store: Open) -> None:
    topic = await new_topic(broker, "log")
    model: dict[str, bytes] = {}
    seen: list[Progress] = []
    async with writing(broker) as writer, reading(broker, bytes_max=3_000) as reader:
        for epoch in range(1, 30):
            changes: dict[tuple[str, str], bytes | None] = {
                ("t", str((epoch * 17 + n * 3) % 101)): None if n == 4 else b"%d" % epoch
                for n in range(20)
            }
            if epoch % 5 == 0:
                await writer.abort(topic, changes, epoch)
                continue
            await writer.commit(topic, changes, epoch)
            for (_, key), value in changes.items():
                model.pop(key, None)
                if value is not None:
                    model[key] = value
        store = open_store(await describe(reader, topic))
        checkpoint = await restore(reader, (topic, 0), store, NOW_MS, seen.append)
    assert len(seen) > 3
    assert [progress.offsets_done for progress in seen] == sorted(p.offsets_done for p in seen)
    assert seen[-1].offsets_done == seen[-1].offsets_total
    assert dict(store.scan("t", "", END)) == model
    assert checkpoint.epoch == 29
    store.close()


async def test_a_changelog_of_somebody_else_is_refused(broker: Broker, open_store: Open) -> None:
    topic = await new_topic(broker, "log")
    async with writing(broker) as writer, reading(broker) as reader:
        async with writer.producer.transaction():
            await writer.producer.send(topic, b"1", b"stranger", partition=0)
        store = open_store(await describe(reader, topic))
        with pytest.raises(StoreError, match="names no table"):
            await restore(reader, (topic, 0), store, NOW_MS)
        store.close()
        with pytest.raises(StoreError, match="has 1 partitions, and the agent needs number 3"):
            await changelogs(reader, topic, [0, 3])
    async with reading(broker, patience_s=0.3) as reader:
        with pytest.raises(UnknownTopic):
            await changelogs(reader, broker.new_name("nowhere"), [0])


async def test_an_owner_that_writes_meanwhile_stops_the_restore(
    broker: Broker, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await new_topic(broker, "log")
    async with writing(broker) as writer, reading(broker) as reader:
        await writer.commit(topic, {("t", "a"): b"1"}, 1)
        store = open_store(await describe(reader, topic))

        async def outdated(places: Any) -> dict[tuple[str, int], Bounds]:
            return {(topic, 0): Bounds(0, 2)}

        await writer.commit(topic, {("t", "a"): b"2"}, 2)
        await restore(reader, (topic, 0), ChangelogMemory(), NOW_MS)
        monkeypatch.setattr(reader, "bounds", outdated)
        with pytest.raises(StoreError, match="another process still writes"):
            await restore(reader, (topic, 0), store, NOW_MS)
    store.close()


def test_progress_says_speed_and_rest() -> None:
    half = Progress(("log", 0), records=500, offsets_done=1_000, offsets_total=4_000, elapsed_s=2.0)
    assert (half.records_per_s, half.remaining_s) == (250.0, 6.0)
    none = Progress(("log", 0), records=0, offsets_done=0, offsets_total=4_000, elapsed_s=0.0)
    assert (none.records_per_s, none.remaining_s) == (0.0, 0.0)
