"""Stores through takeovers that are cut short by the next: none is lost, none taken for newer."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.domain.store import Checkpoint
from pipeline.engine import Task
from pipeline.hosts.faust.setting import Setting
from pipeline.hosts.faust.state.memory import ChangelogMemory
from pipeline.hosts.faust.state.trust import Changelog
from pipeline.hosts.faust.stream import shelf as shelving
from pipeline.hosts.faust.stream.hosted import Hosted
from pipeline.hosts.faust.stream.shelf import Shelf
from pipeline.hosts.faust.stream.takeover import Takeover
from pipeline.hosts.faust.stream.unbroken import unbroken
from tests.hosts.faust.stream.test_epochs import AGENT
from tests.wait import wait_until_async

LOG = Changelog(topic_id="t", first=0, next=9, delete_retention_ms=86_400_000)


class Store(ChangelogMemory):
    """A store that tells when it was touched, and whether it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.touched: list[int] = []
        self.is_closed = False

    def touch(self, now_ms: int) -> None:
        self.touched.append(now_ms)

    def close(self) -> None:
        self.is_closed = True


class Standbys:
    """Hands stores over and takes them back in another thread, so to say: it takes a while, and
    goes on to its end whoever is cancelled meanwhile.
    """

    def __init__(self, *places: tuple[str, int]) -> None:
        self.warm: dict[Any, Any] = {place: Store() for place in places}
        self.gate = asyncio.Event()
        self.is_asked = False

    async def take(self, place: Any) -> Any:
        self.is_asked, store = True, self.warm.pop(place, None)
        await self.gate.wait()
        return store

    async def give(self, place: Any, store: Any) -> None:
        self.is_asked = True
        await self.gate.wait()
        self.warm[place] = store


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Restores wait for it."""
    go = asyncio.Event()

    async def changelogs(_: Any, __: str, partitions: Iterable[int]) -> dict[int, Changelog]:
        return dict.fromkeys(partitions, LOG)

    async def restore(*_: Any) -> None:
        await go.wait()

    monkeypatch.setattr(shelving, "changelogs", changelogs)
    monkeypatch.setattr(shelving, "restore", restore)
    monkeypatch.setattr(shelving, "open_store", lambda *_: Store())
    return go


def shelf(tmp_path: Path, standbys: Any = None) -> Shelf:
    setting = Setting(app="a", options={}, folder=tmp_path, slot_id="one")
    made = Shelf(setting, "tally", lambda: 1_000, standbys)
    made._is_started = True
    return made


async def cancelled_while(step: Any, condition: Any, gate: asyncio.Event) -> None:
    task = asyncio.create_task(step)
    await wait_until_async(condition, what="it waits")
    task.cancel()
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_store_that_a_standby_gave_is_held_though_nobody_waits_any_more(
    tmp_path: Path, restored: asyncio.Event
) -> None:
    place = ("a-tally-changelog", 3)
    standbys = Standbys(place)
    warm, stores = standbys.warm[place], shelf(tmp_path, standbys)
    await cancelled_while(stores.restore([3], []), lambda: standbys.is_asked, standbys.gate)
    restored.set()
    assert (await stores.restore([3], []))[3] is warm


async def test_a_store_that_is_given_back_is_given_though_nobody_waits_any_more(
    tmp_path: Path, restored: asyncio.Event
) -> None:
    standbys = Standbys()
    restored.set()
    standbys.gate.set()
    stores = shelf(tmp_path, standbys)
    store = (await stores.restore([3], []))[3]
    standbys.gate.clear()
    standbys.is_asked = False
    await cancelled_while(stores.restore([], [3]), lambda: standbys.is_asked, standbys.gate)
    assert standbys.warm == {("a-tally-changelog", 3): store}


async def test_a_store_that_is_being_restored_is_not_said_to_be_up_to_date(
    tmp_path: Path, restored: asyncio.Event
) -> None:
    stores = shelf(tmp_path)
    restored.set()
    first = (await stores.restore([1], []))[1]
    restored.clear()
    running = asyncio.create_task(stores.restore([1, 2], []))
    await wait_until_async(lambda: 1 not in stores._whole, what="it restores")
    stores.touch()
    assert first.touched == []  # type: ignore[union-attr]
    restored.set()
    second = (await running)[2]
    stores.touch()
    assert first.touched == second.touched == [1_000]  # type: ignore[union-attr]
    restored.clear()
    running = asyncio.create_task(stores.restore([1, 2], []))
    await wait_until_async(lambda: 1 not in stores._whole, what="it restores")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await_closed = [first, second]
    stores._is_started = False
    await stores.close()
    assert all(store.is_closed for store in await_closed)  # type: ignore[union-attr]
    assert first.touched == [1_000], "it may be hours behind"  # type: ignore[union-attr]


async def test_a_state_that_a_cancelled_takeover_brought_up_to_date_gets_a_new_task() -> None:
    store = ChangelogMemory()
    before = Hosted(Task(AGENT, 0, store), store, {"in": 0})
    app = SimpleNamespace(
        definition=AGENT,
        shared=SimpleNamespace(globals=None, crashes=None, now_ms=lambda: 0, standbys=None),
        setting=Setting(app="a", options={}, folder=Path(), slot_id="one"),
    )
    takeover = Takeover(app)
    takeover._held = {0: before}
    committed, first = {("in", 0): (0, "")}, {("in", 0): 0}
    assert takeover._host(0, store, committed, first) is before, "nobody had it meanwhile"
    # Another worker has committed an epoch; a takeover read it from the changelog, and was
    # cancelled by the next rebalance. The next finds nothing more to read.
    store.load({}, Checkpoint(epoch=1, now_ms=5, offsets={"in:0": 7}), 9, 5)
    hosted = takeover._host(0, store, {("in", 0): (7, "other")}, first)
    assert hosted is not before
    assert hosted.task.checkpoint.epoch == 1
    assert hosted.following == {"in": 7}


async def test_a_step_is_not_broken_however_often_it_is_cancelled() -> None:
    gate, done = asyncio.Event(), []

    async def step() -> None:
        await gate.wait()
        done.append(True)

    task = asyncio.create_task(unbroken(step()))
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done
