"""Epochs: the loop of one agent. Fetch, let Faust's agent run each task's batch, wait until all
are acknowledged, commit everything in one transaction, write the tables; then the next.

One epoch is open at a time. Whoever has to stand still for a rebalance or the end of the process
waits for `quiet`: after it nothing of this worker is under way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Protocol

import structlog

from pipeline.domain.call import CallResult
from pipeline.engine import Effects
from pipeline.hosts.faust.client.errors import Abortable, Fenced, Late, StaleGeneration
from pipeline.hosts.faust.points import reached
from pipeline.hosts.faust.stream.batches import Fetched
from pipeline.hosts.faust.stream.hosted import Batch, Hosted

IDLE_S: Final = 0.5
"""Without a signal the loop looks at the clock this often, so that no wake is late by more."""

FETCH_S: Final = 0.4
"""How long a fetch waits for records; the loop itself may go on meanwhile."""

ABORTS_MAX: Final = 20
"""So many epochs in a row may be aborted, 15 s of them; then the process ends and says why."""

PAUSE_S_MIN: Final = 0.02
PAUSE_S_MAX: Final = 1.0
"""Between two aborts, doubled each time."""

_log: Final = structlog.get_logger("tocsin.epochs")


class Ports(Protocol):
    """What the loop needs of Faust and Kafka."""

    def assignment_number(self) -> int:
        """Our own count of assignments and seeks, as it is at this moment."""
        ...

    async def fetch(self, limit: int, within_s: float) -> tuple[int, Mapping[Any, Sequence[Any]]]:
        """Records per topic and partition, with the assignment number they were taken under."""
        ...

    async def deliver(self, batches: Sequence[Batch]) -> None:
        """Give each batch to the Faust agent; returns when every agent has acknowledged all."""
        ...

    async def commit(self, batches: Sequence[Batch]) -> None:
        """One transaction with all of it, and the stores after it. Raises Abortable where nothing
        became visible and the same may be tried again.
        """
        ...

    async def rewind(self, number: int) -> int:
        """Go back to what is committed; the new assignment number. Where a rebalance has begun
        since this one it stays where it is, and gives the old.
        """
        ...

    def prepare(self) -> None:
        """Called before each epoch: the moment to take in new globals."""
        ...


class Epochs:
    """The loop. `resume` after each takeover; `halt` before whatever must not meet an epoch."""

    def __init__(self, ports: Ports, now_ms: Callable[[], int], timeout_s: float) -> None:
        self.tasks: dict[int, Hosted] = {}
        self.listeners: list[Callable[[Sequence[Effects], float], None]] = []
        self._ports = ports
        self._now_ms = now_ms
        self._timeout_s = timeout_s
        self._fetched = Fetched()
        self._fetch: asyncio.Task[tuple[int, Mapping[Any, Sequence[Any]]]] | None = None
        self._number = -1
        self._takeover_until_s: float | None = None
        self._aborts = 0
        self._lock = asyncio.Lock()
        self._flow = asyncio.Event()
        self._nudge = asyncio.Event()

    def resume(self, tasks: dict[int, Hosted], number: int) -> None:
        """Run epochs of these tasks, on records fetched under this assignment number."""
        self.tasks = tasks
        self._number = number
        self._fetched.clear()
        self._takeover_until_s = None
        self._flow.set()

    def halt(self) -> None:
        """Begin no further epoch until `resume`."""
        self._flow.clear()
        self._takeover_until_s = None
        self._nudge.set()

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """While inside, no epoch is open and none begins."""
        self.halt()
        async with self._lock:
            yield

    def paused(self) -> asyncio.Lock:
        """Use it in an `async with`: while inside, no epoch is open; they go on after it."""
        return self._lock

    def inject(self, partition: int, result: CallResult) -> None:
        """Queue what a delivery loop brought back for a task; what it no longer owns is dropped,
        as another worker repeats the call.
        """
        hosted = self.tasks.get(partition)
        if hosted is not None:
            hosted.queue(result)
            self._nudge.set()

    @property
    def is_waiting(self) -> bool:
        """Whether records were fetched, or results queued, that no epoch has run yet."""
        return bool(self._fetched) or any(hosted.results for hosted in self.tasks.values())

    async def run(self, is_stopping: Callable[[], bool]) -> None:
        """Run epochs until told to stop. Raises what must end the process."""
        while not is_stopping():
            await self._wait_for_flow()
            await self._wait_for_work()
            async with self._lock:
                if self._may_run():
                    await self._epoch()
                else:
                    self._flow.clear()  # a takeover follows, and resumes
                    self._fetched.clear()

    async def _wait_for_flow(self) -> None:
        clock = asyncio.get_running_loop().time
        while not self._flow.is_set():
            # A takeover that begins takes the limit away, however long it is going to be.
            if self._takeover_until_s is not None and clock() > self._takeover_until_s:
                raise Fenced("the group went on without this worker, and asked it for nothing")
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):
                    await self._flow.wait()

    def _may_run(self) -> bool:
        """Nothing is delivered while a rebalance runs: its first act is a new number."""
        return self._flow.is_set() and self._ports.assignment_number() == self._number

    async def _wait_for_work(self) -> None:
        if self._aborts:
            await asyncio.sleep(min(PAUSE_S_MIN * 2**self._aborts, PAUSE_S_MAX))
        self._begin_fetch()
        if not self._has_work():
            pause_s = min(IDLE_S, (self.next_due_ms() - self._now_ms()) / 1_000)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, pause_s)):
                    await self._nudge.wait()
        self._nudge.clear()
        if self._fetch is not None and self._fetch.done():
            number, records = self._fetch.result()
            self._fetch = None
            # What was fetched under another number lies before a seek, and is fetched again.
            if number == self._number:
                self._fetched.add(records)
                if records:
                    reached("fetched")

    def _begin_fetch(self) -> None:
        if self._fetch is None and not self._fetched:
            fetch = self._ports.fetch(self._fetched.limit, FETCH_S)
            self._fetch = asyncio.get_running_loop().create_task(_as_coroutine(fetch))
            self._fetch.add_done_callback(lambda _: self._nudge.set())

    def _has_work(self) -> bool:
        return self.is_waiting or (self._fetch is not None and self._fetch.done())

    def next_due_ms(self) -> int:
        """When the next wake of any task is due; far in the future where there is none."""
        return min((h.task.next_due_ms for h in self.tasks.values()), default=2**62)

    async def _epoch(self) -> None:
        self._ports.prepare()
        batches = self._fetched.cut(self.tasks, self._now_ms())
        if not batches:
            return
        try:
            await self._in_time(batches)
            self._aborts = 0
        except StaleGeneration:
            self._give_up(batches)
            self._flow.clear()  # the group goes on without us until we join again
            self._takeover_until_s = asyncio.get_running_loop().time() + 2 * self._timeout_s
        except Abortable as error:
            self._aborts += 1
            if self._aborts > ABORTS_MAX:
                raise
            _log.warning("an epoch was aborted and is run again", why=str(error))
            self._give_up(batches)
            self._number = await self._ports.rewind(self._number)
        self._fetched.learn(batches)

    async def _in_time(self, batches: list[Batch]) -> None:
        limit = asyncio.timeout(self._timeout_s)
        try:
            async with limit:
                await self._run_and_commit(batches)
        except TimeoutError:
            if not limit.expired():
                raise
            raise Late(
                f"an epoch of {sum(len(batch.records) for batch in batches)} records was not"
                f" committed within {self._timeout_s:g} s: the brokers, or this machine, are too"
                " slow for it"
            ) from None

    def _give_up(self, batches: list[Batch]) -> None:
        for batch in batches:
            batch.hosted.task.rollback()
        self._fetched.clear()

    async def _run_and_commit(self, batches: list[Batch]) -> None:
        await self._ports.deliver(batches)
        batches = self._fetched.put_back(batches)
        done = [batch for batch in batches if batch.has_effects]
        reached("state-changed")
        for batch in batches:
            if not batch.has_effects:
                batch.hosted.task.rollback()  # the wake that was due had been taken back
        if not done:
            return
        self._begin_fetch()  # the next records come while the broker writes these
        started_s = time.perf_counter()
        await self._ports.commit(done)
        took_s = time.perf_counter() - started_s
        for listener in self.listeners:
            listener([batch.ran for batch in done], took_s)


async def _as_coroutine(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
