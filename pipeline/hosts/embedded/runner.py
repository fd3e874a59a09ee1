"""Runner: drives an EmbeddedHost in a thread of its own, with group commit for the edge.

While one commit waits for the disk, the next requests gather; they are appended together, and
each is answered after the commit that holds it: many requests, one fsync.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

from pipeline.domain.call import CallResult
from pipeline.domain.errors import Busy, StoreError, TocsinError
from pipeline.domain.store import Output
from pipeline.hosts.embedded.host import EmbeddedHost
from pipeline.hosts.embedded.place import Place

WAITING_MAX: Final = 50_000
"""Records that may wait for their commit; more is answered with Busy, never buffered."""

IDLE_S: Final = 0.5
"""Without a signal the loop looks at the clock this often, so that no wake is late by more."""

RETRY_S: Final = 1.0
Positions = list[tuple[str, int, int]]


class Waiting(Struct):
    """One request's records and the future that its caller awaits."""

    outputs: Sequence[Output]
    future: asyncio.Future[Positions]


class Runner:
    """The loop of one process. `append` and `inject` are its only doors.

    `place` is where the host's database stands (None: in memory): while it is gone nothing is
    run or accepted.
    """

    def __init__(
        self, host: EmbeddedHost, now_ms: Callable[[], int], place: Place | None = None
    ) -> None:
        self.host = host
        self._place = place
        self._now_ms = now_ms
        self._loop = asyncio.get_running_loop()
        self._signal = threading.Condition()
        self._waiting: list[Waiting] = []
        self._waiting_count = 0
        self._jobs: list[tuple[Callable[[], object], asyncio.Future[object]]] = []
        self._results: list[tuple[str, CallResult]] = []
        self._is_stopping = False
        self._thread = threading.Thread(target=self._guard, name="epochs", daemon=True)
        self._listeners: list[Callable[[], None]] = []
        self.fault = ""
        self.ended: asyncio.Future[None] = self._loop.create_future()

    def start(self) -> None:
        """Begin to run epochs."""
        self._thread.start()

    async def stop(self) -> None:
        """Finish the epoch that runs, answer who waits, and end the thread."""
        with self._signal:
            self._is_stopping = True
            self._signal.notify()
        await asyncio.to_thread(self._thread.join)

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Be called in the event loop after each commit."""
        self._listeners.append(listener)

    async def append(self, outputs: Iterable[Output]) -> Positions:
        """Append all or nothing; returns after the commit that holds the records.

        Raises Busy where the queue is full, the disk does not take it, the database is not at
        its place or the process stops.
        """
        records = list(outputs)
        future: asyncio.Future[Positions] = self._loop.create_future()
        with self._signal:
            if self._is_stopping:
                raise Busy("Tocsin is stopping", after_s=5)
            if self._waiting_count + len(records) > WAITING_MAX and self._waiting:
                raise Busy(f"{self._waiting_count} records wait for their commit", after_s=1)
            self._waiting.append(Waiting(records, future))
            self._waiting_count += len(records)
            self._signal.notify()
        return await future

    def inject(self, task: str, result: CallResult) -> None:
        """Hand in what a delivery loop brought back; safe from any thread."""
        with self._signal:
            self._results.append((task, result))
            self._signal.notify()

    async def between_epochs(self, job: Callable[[], object]) -> object:
        """Run `job` in the loop's thread while no epoch is open: backups, reloads, retention.

        Raises what the job raises, and Busy where the process stops or the database is gone.
        """
        future: asyncio.Future[object] = self._loop.create_future()
        with self._signal:
            if self._is_stopping:
                raise Busy("Tocsin is stopping", after_s=5)
            self._jobs.append((job, future))
            self._signal.notify()
        return await future

    def _guard(self) -> None:
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001  (a host without its loop must end)
            self._loop.call_soon_threadsafe(_fail, self._abandon(), Busy(_said(error)))
            self._loop.call_soon_threadsafe(_fail, [self.ended], error)
        else:
            self._loop.call_soon_threadsafe(_set, [(self.ended, None)])

    def _abandon(self) -> list[asyncio.Future[Any]]:
        """Take in nothing more; who waited for a loop that is no longer there."""
        with self._signal:
            self._is_stopping = True
            return [one.future for one in self._waiting] + [future for _, future in self._jobs]

    def _run(self) -> None:
        is_more = True
        while True:
            with self._signal:
                if not (is_more or self._has_work()):
                    self._signal.wait(self._pause_s())
                if self._is_stopping and not (self._has_work() or self._holds_results()):
                    return
                waiting, self._waiting, self._waiting_count = self._waiting, [], 0
                results, self._results = self._results, []
                jobs, self._jobs = self._jobs, []
            for task, result in results:
                self.host.inject(task, result)
            self._run_jobs(jobs)
            is_more = self._step(waiting)

    def _has_work(self) -> bool:
        return bool(self._waiting or self._results or self._jobs)

    def _holds_results(self) -> bool:
        """What receivers answered must not be asked again because one epoch could not hold it."""
        return not self.fault and self.host.holds_results()

    def _pause_s(self) -> float:
        if self.fault:
            return RETRY_S
        return max(0.0, min(IDLE_S, (self.host.next_due_ms() - self._now_ms()) / 1000))

    def _run_jobs(self, jobs: list[tuple[Callable[[], object], asyncio.Future[object]]]) -> None:
        for job, future in jobs:
            try:
                self._check_place()
                outcome = job()
            except Exception as error:  # noqa: BLE001  (it belongs to who asked)
                self._loop.call_soon_threadsafe(_fail, [future], error)
            else:
                self._loop.call_soon_threadsafe(_set, [(future, outcome)])

    def _step(self, waiting: list[Waiting]) -> bool:
        outputs = [output for one in waiting for output in one.outputs]
        try:
            self._check_place()
            positions, is_more = self.host.step(outputs)
            self._check_place()  # what was committed elsewhere is not accepted
        except Exception as error:
            self.fault = _said(error)
            refused = error if isinstance(error, Busy) else Busy(self.fault)
            self._loop.call_soon_threadsafe(_fail, [one.future for one in waiting], refused)
            if not isinstance(error, (StoreError, TocsinError)):
                raise
            return False
        self.fault = ""
        answers = []
        start = 0
        for one in waiting:
            end = start + len(one.outputs)
            answers.append((one.future, positions[start:end]))
            start = end
        self._loop.call_soon_threadsafe(self._answer, answers)
        return is_more

    def _check_place(self) -> None:
        if self._place is not None:
            self._place.check()

    def _answer(self, answers: list[tuple[asyncio.Future[Positions], Positions]]) -> None:
        _set(answers)
        for listener in self._listeners:
            listener()


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, TocsinError) else f"{type(error).__name__}: {error}"


def _set(answers: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, value in answers:
        if not future.done():
            future.set_result(value)


def _fail(futures: Sequence[asyncio.Future[Any]], error: BaseException) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
