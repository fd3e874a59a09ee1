"""A worker process between its start and a signal, and what becomes of calls at its end."""

import asyncio
import os
import signal
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.app import working as subject
from pipeline.app.deliveries import Deliveries
from pipeline.app.working import Parts, Working, work_until_signalled
from pipeline.domain.call import CallResult
from pipeline.domain.sink import Retry
from pipeline.domain.wiring import Wiring
from pipeline.hosts.clock import Clock
from pipeline.observe.metrics import Metrics
from pipeline.wire.client import Client
from tests.stages.send.given import SINKS, pager, told
from tests.wait import wait_until_async
from tests.wire.server import always, serving
from tests.wire.test_loop import calling


class Worker:
    """What Working and Deliveries see of a worker; `start` and `stop` take as long as they may."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.apps = {"deliver": SimpleNamespace(definition=SimpleNamespace(stages=()))}
        self.may_start, self.may_stop = asyncio.Event(), asyncio.Event()
        self.calls: list[str] = []
        self.results: list[tuple[str, CallResult]] = []
        self.committed: Any = None

    async def start(self) -> None:
        self.calls.append("start")
        await self.may_start.wait()

    async def stop(self, *, is_leaving: bool) -> None:
        self.calls.append(f"stop {is_leaving}")
        await self.may_stop.wait()

    async def settle(self, within_s: float) -> bool:
        return True

    def watch(self, table: str, watcher: Any) -> None:
        self.committed = watcher

    def on_revoked(self, listener: Any) -> None:
        pass

    def inject(self, task: str, result: CallResult) -> None:
        self.results.append((task, result))

    def complaints(self) -> list[str]:
        return []

    def lease_s(self, agent: str) -> float:
        return 10.0


class Idle:
    """Nothing is under way, nothing is open."""

    async def stop(self, within_s: float) -> None:
        pass

    async def close(self) -> None:
        pass


@pytest.fixture
async def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    made, idle = Worker(), Idle()
    monkeypatch.setattr(subject, "check_applied", lambda *_: None)
    monkeypatch.setattr(subject, "build", lambda *_: Parts(made, idle, idle, idle))  # type: ignore[arg-type]
    return made


def wanted(**options: Any) -> Working:
    nothing: Any = None
    slot: Any = SimpleNamespace(id="abcdefgh")
    return Working(
        topology=nothing, options={"sasl_plain_password": "hush"}, control=nothing, slot=slot,
        **options,
    )  # fmt: skip


async def running(worker: Worker, condition: Any, **options: Any) -> asyncio.Task[None]:
    task = asyncio.create_task(work_until_signalled(wanted(**options)))
    await wait_until_async(condition, what="it came so far")
    return task


async def test_a_signal_while_it_starts_ends_it(worker: Worker) -> None:
    task = await running(worker, lambda: worker.calls == ["start"])
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, 10)
    assert worker.calls == ["start"]


async def test_a_signal_lets_it_leave(worker: Worker) -> None:
    said: list[str] = []
    worker.may_start.set()
    worker.may_stop.set()
    task = await running(
        worker, lambda: said, on_ready=lambda: said.append("ready"), is_leaving=True
    )
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, 10)
    assert worker.calls == ["start", "stop True"]


async def test_an_end_that_hangs_is_cut_short(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "END_WITHIN_S", 0.1)
    said: list[str] = []
    worker.may_start.set()
    task = await running(worker, lambda: said, on_ready=lambda: said.append("ready"))
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, 10)
    assert task.done()


async def test_what_ends_a_part_ends_all(worker: Worker) -> None:
    task = await running(worker, lambda: worker.calls == ["start"])
    worker.ended.set_exception(RuntimeError("a part"))
    with pytest.raises(RuntimeError, match="a part"):
        await asyncio.wait_for(task, 10)


async def test_probes_that_cannot_listen_end_it(worker: Worker) -> None:
    with pytest.raises(OSError, match="address"):
        await work_until_signalled(wanted(listen=("192.0.2.1", 9)))


def test_no_password_is_shown() -> None:
    assert "hush" not in repr(wanted())
    assert "hush" not in repr(wanted().__rich_repr__())


def rows(*incidents: str) -> Mapping[str, Any]:
    entries = [calling(told(1, "trigger", incident_id=incident)) for incident in incidents]
    return {str(number): replace(entry, slot="me") for number, entry in enumerate(entries)}


class Measured:
    """What `sample` asks of a worker."""

    def __init__(self) -> None:
        self.tasks = {"decide-0": 3, "decide-1": 0}

    def complaints(self) -> list[str]:
        return []

    def next_due_ms(self) -> int:
        return 2**62

    def lag(self) -> Mapping[str, int]:
        return self.tasks

    def standby_lag_s(self) -> Mapping[str, float]:
        return {f"intake-{number}": 0.5 for number in range(len(self.tasks))}

    def globals_lag_s(self) -> Mapping[str, float]:
        return {"silences": 0.25}


def test_a_worker_shows_what_it_measures_now_and_nothing_else() -> None:
    worker, clock, metrics = Measured(), Clock(), Metrics()
    metrics.on_render(lambda: subject.sample(worker, clock, metrics))  # type: ignore[arg-type]
    assert {
        'tocsin_lag_records{task="decide-0"} 3.0',
        'tocsin_lag_records{task="decide-1"} 0.0',
        'tocsin_standby_lag_seconds{task="intake-1"} 0.5',
        'tocsin_globals_lag_seconds{topic="silences"} 0.25',
        "tocsin_ready 1.0",
        "tocsin_wakes_late_seconds 0.0",
    } <= set(metrics.render().decode().splitlines())
    worker.tasks = {"decide-0": 3}
    shown = metrics.render().decode()
    assert 'task="decide-0"' in shown
    assert 'task="decide-1"' not in shown, "another worker has it now"
    assert 'task="intake-1"' not in shown
    for name in ("fault", "view_lag_seconds", "appends_waiting", "disk_free_bytes"):
        assert f"tocsin_{name}" not in shown, "a worker does not look at that"


async def test_what_is_committed_while_it_stops_comes_back_unsent() -> None:
    worker, client = Worker(), Client()
    async with serving(always(202, b'{"status":"success"}')) as server:
        wires = Wiring(
            installation="abcdefgh",
            slot="me",
            sections={"receivers": {"on-call": pager(url=server.url)}},
            sinks=SINKS,
        )
        deliveries = Deliveries(worker, client, wires, lambda _: None)  # type: ignore[arg-type]
        worker.committed("deliver-0", rows("00000000000000aa.1"))
        await deliveries.stop(5.0)
        assert len(server.requests) == 1
        worker.committed("deliver-0", rows("00000000000000ab.1"))
        await wait_until_async(lambda: len(worker.results) == 2, what="both have a result")
        await client.close()
        assert len(server.requests) == 1, "it was not sent"
    came_back = worker.results[1][1].outcome
    assert isinstance(came_back, Retry)
    assert not came_back.is_ambiguous
