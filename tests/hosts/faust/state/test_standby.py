"""Standbys on a real broker: warm, never with what is not committed, handed over for a delta."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pipeline.domain.errors import StoreError
from pipeline.hosts.faust.client.bulk import BulkReader
from pipeline.hosts.faust.state import standby
from pipeline.hosts.faust.state.memory import ChangelogMemory
from pipeline.hosts.faust.state.restore import ChangelogStore, Progress, restore
from pipeline.hosts.faust.state.rocks import RocksStore
from pipeline.hosts.faust.state.standby import OpenStore, Standbys
from tests.hosts.faust.state.topics import NOW_MS, new_topic, reading, writing
from tests.kafka import Broker
from tests.wait import wait_until_async

END = "\U0010ffff"


@pytest.fixture(params=["rocksdb", "memory"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    if request.param == "memory":
        return lambda _place, log: ChangelogMemory(log.first)
    return lambda place, log: RocksStore.open(tmp_path / str(place[1]), log, NOW_MS)


@asynccontextmanager
async def standing_by(broker: Broker, open_store: OpenStore) -> AsyncIterator[Standbys]:
    made = Standbys({"bootstrap_servers": broker.bootstrap}, open_store, lambda: NOW_MS)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def warm_at(standbys: Standbys, place: tuple[str, int], position: int) -> Callable[[], bool]:
    """Whether a store holds all of its log up to an offset."""

    def is_there() -> bool:
        warm = standbys._warm.get(place)
        return warm is not None and warm.position >= position

    return is_there


async def test_a_warm_store_is_handed_over_and_needs_a_delta_only(
    broker: Broker, open_store: OpenStore
) -> None:
    topic = await new_topic(broker, "log", 2)
    place = (topic, 1)
    seen: list[Progress] = []
    async with (
        writing(broker) as writer,
        reading(broker) as reader,
        standing_by(broker, open_store) as standbys,
    ):
        for epoch in (1, 2):
            rows = {("t", str(number)): b"%d" % epoch for number in range(300)}
            await writer.commit(topic, rows, epoch, partition=1)
        assert await standbys.follow([place, (topic, 0)]) == []
        end = (await reader.bounds([place]))[place].next
        await wait_until_async(warm_at(standbys, place, end), what="it is warm")
        await writer.commit(topic, {("t", "7"): None}, 3, partition=1)
        await wait_until_async(warm_at(standbys, place, end + 3), what="it follows")
        assert standbys.lags()[place].offsets == 0
        assert standbys.lags()[place].seconds < 5
        store = await standbys.take(place)
        assert store is not None
        await writer.commit(topic, {("t", "8"): b"4"}, 4, partition=1)
        checkpoint = await restore(reader, place, store, NOW_MS, seen.append)
        assert seen[-1].records == 2
        assert checkpoint.epoch == 4
        rows_now = dict(store.scan("t", "", END))
        assert len(rows_now) == 299
        assert (rows_now["8"], rows_now["9"]) == (b"4", b"2")
        assert await standbys.take(place) is None
        assert set(standbys.lags()) <= {(topic, 0)}
        store.close()


async def test_what_is_not_committed_never_comes_in(broker: Broker, open_store: OpenStore) -> None:
    topic = await new_topic(broker, "log")
    place = (topic, 0)
    async with (
        writing(broker) as writer,
        writing(broker) as other,
        standing_by(broker, open_store) as standbys,
    ):
        await writer.commit(topic, {("t", "a"): b"1"}, 1)
        await writer.abort(topic, {("t", "a"): b"9"}, 2)
        await standbys.follow([place])
        await other.producer.begin_transaction()
        await other.send(topic, {("t", "b"): b"9"}, 3)
        await wait_until_async(
            lambda: place in standbys.lags() and standbys.lags()[place].offsets > 0,
            what="the open transaction lies ahead",
        )
        store = await standbys.take(place)
        assert store is not None
        assert list(store.scan("t", "", END)) == [("a", b"1")]
        assert store.checkpoint().epoch == 1
        await other.producer.abort_transaction()
        store.close()


async def test_a_long_aborted_stretch_is_passed(
    broker: Broker, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "BYTES_MAX", 1_000)
    topic = await new_topic(broker, "log")
    place = (topic, 0)
    async with writing(broker) as writer, standing_by(broker, open_store) as standbys:
        await writer.commit(topic, {("t", "a"): b"1"}, 1)
        await writer.producer.begin_transaction()
        for number in range(20):
            await writer.send(topic, {("t", f"{number}-{n}"): b"9" * 50 for n in range(10)})
        await writer.producer.abort_transaction()
        await writer.commit(topic, {("t", "b"): b"2"}, 2)
        await standbys.follow([place])
        await wait_until_async(warm_at(standbys, place, 207), what="it comes past")
        store = await standbys.take(place)
        assert store is not None
        assert list(store.scan("t", "", END)) == [("a", b"1"), ("b", b"2")]
        store.close()


async def test_a_store_that_is_given_back_is_followed_on(
    broker: Broker, open_store: OpenStore
) -> None:
    topic = await new_topic(broker, "log")
    place = (topic, 0)
    async with (
        writing(broker) as writer,
        reading(broker) as reader,
        standing_by(broker, open_store) as standbys,
    ):
        await writer.commit(topic, {("t", "a"): b"1"}, 1)
        await standbys.follow([place])
        await wait_until_async(warm_at(standbys, place, 3), what="it is warm")
        store = await standbys.take(place)
        assert store is not None
        await restore(reader, place, store, NOW_MS)
        await standbys.give(place, store)
        await writer.commit(topic, {("t", "b"): b"2"}, 2)
        await wait_until_async(warm_at(standbys, place, 6), what="it follows on")
        assert await standbys.take(place) is store
        assert store.get("t", "b") == b"2"
        store.close()


async def test_what_is_no_longer_wanted_is_closed(broker: Broker, tmp_path: Path) -> None:
    topic = await new_topic(broker, "log", 2)
    opened: dict[int, ChangelogStore] = {}

    def open_one(place: tuple[str, int], log: object) -> ChangelogStore:
        opened[place[1]] = RocksStore.open(tmp_path / str(place[1]), log, NOW_MS)  # type: ignore[arg-type]
        return opened[place[1]]

    async with standing_by(broker, open_one) as standbys:
        await standbys.follow([(topic, 0), (topic, 1)])
        await wait_until_async(lambda: len(standbys.lags()) == 2, what="both are warm")
        await standbys.follow([(topic, 1)])
        with pytest.raises(StoreError, match="closed"):
            opened[0].get("t", "a")
        assert opened[1].get("t", "a") is None
    with pytest.raises(StoreError, match="closed"):
        opened[1].get("t", "a")


async def test_no_more_are_kept_warm_than_the_limit(
    broker: Broker, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "STANDBYS_MAX", 2)
    topic = await new_topic(broker, "log", 3)
    async with standing_by(broker, open_store) as standbys:
        left = await standbys.follow([(topic, partition) for partition in range(3)])
        assert left == [(topic, 2)]
        await wait_until_async(lambda: len(standbys.lags()) == 2, what="two are warm")
        store = ChangelogMemory()
        await standbys.give((topic, 2), store)
        assert set(standbys.lags()) == {(topic, 0), (topic, 1)}


async def test_one_that_fails_is_left_cold_and_named(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await new_topic(broker, "log", 2)
    monkeypatch.setattr(standby, "RETRY_AFTER_S", 0.3)
    is_full = True

    def open_one(place: tuple[str, int], _log: object) -> ChangelogStore:
        if is_full and place[1] == 0:
            raise StoreError("the disk is full")
        return ChangelogMemory()

    async with standing_by(broker, open_one) as standbys:
        await standbys.follow([(topic, 0), (topic, 1)])
        await wait_until_async(lambda: set(standbys.lags()) == {(topic, 1)}, what="one is warm")
        assert standbys.troubles == {(topic, 0): "the disk is full"}
        assert await standbys.take((topic, 0)) is None
        is_full = False
        await standbys.follow([(topic, 0), (topic, 1)])
        await wait_until_async(lambda: len(standbys.lags()) == 2, what="it is tried again")
        assert standbys.troubles == {}


async def test_an_offset_that_is_gone_opens_the_store_anew(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await new_topic(broker, "log")
    place = (topic, 0)
    monkeypatch.setattr(standby, "RETRY_AFTER_S", 0.1)
    stores = [ChangelogMemory(), ChangelogMemory(99)]
    async with writing(broker) as writer, standing_by(broker, lambda *_: stores.pop()) as standbys:
        await writer.commit(topic, {("t", "a"): b"1"}, 1)
        await standbys.follow([place])
        # The store that was opened first is at 99 until the brokers refuse that.
        await wait_until_async(lambda: not stores, what="it is opened anew")
        await wait_until_async(warm_at(standbys, place, 3), what="it begins again")
        store = await standbys.take(place)
        assert store is not None
        assert store.get("t", "a") == b"1"


async def test_a_broker_that_is_away_is_waited_for(
    broker: Broker, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await new_topic(broker, "log")
    place = (topic, 0)
    async with writing(broker) as writer, standing_by(broker, open_store) as standbys:
        await standbys.follow([place])
        await wait_until_async(lambda: place in standbys.lags(), what="it is warm")
        real = BulkReader._ask

        async def nothing(*_: object) -> None:
            return None

        monkeypatch.setattr(BulkReader, "_ask", nothing)
        await writer.commit(topic, {("t", "a"): b"1"}, 1)
        await wait_until_async(lambda: standbys.lags()[place].seconds > 0.5, what="the lag grows")
        monkeypatch.setattr(BulkReader, "_ask", real)
        await wait_until_async(warm_at(standbys, place, 3), what="it follows on")
        assert standbys.troubles == {}
