"""Jobs: what is done again and again beside the stream. A failure is said, counted and retried."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from msgspec import Struct

from pipeline.observe.metrics import Metrics

_log: Final = structlog.get_logger("tocsin.upkeep")


class Job(Struct, frozen=True, kw_only=True):
    """`run` is awaited `first_s` after the start, and then `every_s` after it has ended."""

    name: str
    every_s: float
    run: Callable[[], Awaitable[None]]
    first_s: float = 0.0


class Jobs:
    """Runs jobs, each in a task of its own, until stopped."""

    def __init__(self, jobs: Sequence[Job], metrics: Metrics) -> None:
        self._jobs = jobs
        self._metrics = metrics
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; must run on the event loop."""
        self._tasks = [
            asyncio.create_task(self._repeat(job), name=f"upkeep-{job.name}") for job in self._jobs
        ]

    async def stop(self) -> None:
        """Break off what runs and wait until it has ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _repeat(self, job: Job) -> None:
        labels = {"job": job.name}
        is_failing = False
        await asyncio.sleep(job.first_s)
        while True:
            self._metrics.count("upkeep_runs", 1, labels)
            try:
                await job.run()
            except Exception:  # noqa: BLE001  (no job may end because it failed once)
                self._metrics.count("upkeep_failures", 1, labels)
                if not is_failing:  # one line per change of state, not per try
                    _log.exception("upkeep fails", job=job.name)
                is_failing = True
            else:
                if is_failing:
                    _log.info("upkeep works again", job=job.name)
                is_failing = False
            await asyncio.sleep(job.every_s)
