"""Whatever ends a part of a worker ends the worker: it is never alive, and idle for ever."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.hosts.clock import Clock
from pipeline.hosts.faust.client.errors import Fenced, Late, Refused
from pipeline.hosts.faust.client.transactions import EpochProducer
from pipeline.hosts.faust.setting import Setting
from pipeline.hosts.faust.state.globals import GlobalReader
from pipeline.hosts.faust.state.standby import Standbys
from pipeline.hosts.faust.stream.consumer import ConsumerThread
from pipeline.hosts.faust.stream.shelf import Shelf
from pipeline.hosts.faust.worker import Worker
from tests.hosts.faust.stream import crew as crews
from tests.hosts.faust.stream.crew import Crew, is_exact, until_ended
from tests.kafka import Broker
from tests.wait import wait_until_async

pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)
"""A worker that is broken on purpose leaves open what the end of its process would close."""


@pytest.fixture
def crew(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crew:
    monkeypatch.setattr(crews, "PARTITIONS", 1)
    return Crew(broker.bootstrap, broker.new_name("ends"), tmp_path)


def new_worker(crew: Crew, slot: str = "one") -> Worker:
    return Worker(crew.setting(slot), [crew.agent], Clock().now_ms)


async def test_who_may_not_write_does_not_say_that_it_is_ready(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_: EpochProducer) -> None:
        raise Refused("transactional id x", "TRANSACTIONAL_ID_AUTHORIZATION_FAILED")

    monkeypatch.setattr(EpochProducer, "start", refused)
    worker = new_worker(crew)
    with pytest.raises(Refused, match="AUTHORIZATION"):
        await worker.start()
    await worker.stop()


async def test_a_loss_is_noticed_also_while_no_epoch_runs(crew: Crew) -> None:
    worker = new_worker(crew)
    await worker.start()
    app: Any = worker.apps["tally"]
    app.epochs.halt()  # as while a rebalance runs
    app.consumer._thread.client._coordinator.lost = Fenced("another process uses the slot")
    with pytest.raises(Fenced, match="another process"):
        raise await until_ended(worker, deadline_s=60) or AssertionError
    await worker.stop()


async def test_a_thread_that_ended_or_stands_still_is_noticed() -> None:
    thread: Any = ConsumerThread.__new__(ConsumerThread)
    thread.app = SimpleNamespace(setting=SimpleNamespace(session_timeout_ms=100))
    thread.thread_loop = asyncio.new_event_loop()
    with pytest.raises(Late, match=r"stands still for 0\.1 s"):
        await thread.check()
    thread.thread_loop.close()
    with pytest.raises(Fenced, match="has ended"):
        await thread.check()


async def test_the_crash_of_any_service_ends_the_worker(crew: Crew) -> None:
    worker = new_worker(crew)
    await worker.start()
    await worker.apps["tally"].topics.crash(RuntimeError("no topics any more"))
    assert "no topics any more" in str(await until_ended(worker, deadline_s=60))
    await worker.stop()


async def test_a_thread_of_standbys_that_died_ends_the_worker(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = new_worker(crew)
    await worker.start()

    async def broken(*_: Any) -> None:
        raise RuntimeError("the disk of the standbys is gone")

    monkeypatch.setattr(Standbys, "_open_missing", broken)
    error = await until_ended(worker, deadline_s=30)
    assert "the disk of the standbys is gone" in str(error)
    await worker.stop()


async def test_a_thread_of_globals_that_died_ends_a_worker_that_has_nothing_to_do(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = new_worker(crew)
    await worker.start()
    worker.apps["tally"].epochs.halt()  # no epoch begins, and takes in what came

    def ended(_: GlobalReader) -> None:
        raise RuntimeError("the globals are gone")

    monkeypatch.setattr(GlobalReader, "check", ended)
    assert "the globals are gone" in str(await until_ended(worker, deadline_s=30))
    await worker.stop()


async def test_what_a_rebalance_raises_ends_the_worker(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = new_worker(crew)

    async def assigned(*_: Any, **__: Any) -> None:
        raise RuntimeError("an assignment that nobody can take")

    monkeypatch.setattr(worker.apps["tally"].consumer, "on_partitions_assigned", assigned)
    with pytest.raises(RuntimeError, match="nobody can take"):
        await worker.start()
    await worker.stop()


async def test_touching_that_fails_ends_the_worker(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    def touch(_: Shelf) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("pipeline.hosts.faust.worker.TOUCH_EVERY_S", 0.1)
    monkeypatch.setattr(Shelf, "touch", touch)
    worker = new_worker(crew)
    await worker.start()
    assert isinstance(await until_ended(worker, deadline_s=60), OSError)
    monkeypatch.undo()
    await worker.stop()


async def test_it_can_be_stopped_while_it_restores(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_restoring = asyncio.Event()

    async def restore(*_: Any) -> None:
        is_restoring.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Shelf, "restore", restore)
    worker = new_worker(crew)
    starting = asyncio.create_task(worker.start())
    await asyncio.wait_for(is_restoring.wait(), 60)
    assert worker.complaints() == ["tally has no assignment yet"]
    assert worker.lag() == {}
    await asyncio.wait_for(worker.stop(), 60)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)


async def test_a_worker_without_partitions_waits_and_takes_over(crew: Crew) -> None:
    await crew.write(*[("k", f"v{number}") for number in range(50)])
    async with crew.working("one") as one, crew.working("two") as two:
        await crew.wait_for(50, deadline_s=90)
        both = {len(worker.apps["tally"].epochs.tasks) for worker in (one, two)}
        assert both == {0, 1}
        busy = one if one.apps["tally"].epochs.tasks else two
        spare = two if busy is one else one
        assert spare.complaints() == []
        # Of a partition that is not assigned at this moment no lag is known.
        app = spare.apps["tally"]
        app.epochs.tasks = {0: busy.apps["tally"].epochs.tasks[0]}
        assert spare.lag() == {}
        app.epochs.tasks = {}
        await busy.stop(is_leaving=True)
        await wait_until_async(
            lambda: len(app.epochs.tasks) == 1, what="the spare has it", deadline_s=90
        )
        await crew.write(*[("k", f"v{number}") for number in range(50, 100)])
        assert is_exact(await crew.wait_for(100, deadline_s=90))
        assert not spare.ended.done(), "it was not fenced while it had nothing"


def test_no_password_is_shown() -> None:
    options = {"sasl_plain_password": "hush"}
    setting = Setting(app="a", options=options, folder=Path(), slot_id="one")
    assert "hush" not in repr(setting)
    assert "hush" not in repr(setting.__rich_repr__())
