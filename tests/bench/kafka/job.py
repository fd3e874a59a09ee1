"""Job: what a measured process is to do; Meter: what it says at its end.

Each peer runs in a process of its own, so that CPU is its alone, and gets its job as JSON. It
imports nothing but the standard library, as one peer lives in a virtual environment of its own.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import threading
import time
from typing import Any

LATE = 3
"""The exit code of a process that its own time limit ended."""


@dataclasses.dataclass(frozen=True)
class Job:
    """Read `count` alerts from `source`, count CPU after the first `warm` of them, and end.

    `epoch` is how many records one transaction takes at most; `commit_s` how often a peer
    commits that does so by time. `name` begins group, transactional id and changelog.
    """

    bootstrap: str
    name: str
    source: str
    target: str
    changelog: str
    folder: str
    count: int
    warm: int
    partitions: int
    epoch: int = 500
    commit_s: float = 0.1
    limit_s: float = 60.0
    option: str = ""

    @classmethod
    def given(cls) -> Job:
        """The job on the command line. After its time limit this process ends."""
        job = cls(**json.loads(sys.argv[1]))
        timer = threading.Timer(job.limit_s, os._exit, (LATE,))
        timer.daemon = True
        timer.start()
        return job

    def text(self) -> str:
        """The job as a command line holds it."""
        return json.dumps(dataclasses.asdict(self))


class Meter:
    """CPU and time between the warm-up's end and the last event, of all threads."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._begun: tuple[int, float, float] | None = None
        self._ended: tuple[float, float] | None = None
        self.total = 0
        self.epochs = 0
        self._epochs_warm = 0

    def saw(self, count: int = 1) -> bool:
        """So many more events are done; whether all are."""
        self.total += count
        self.epochs += 1
        if self._begun is None and self.total >= self._job.warm:
            self._begun = self.total, time.process_time(), time.perf_counter()
            self._epochs_warm = self.epochs
        return self.total >= self._job.count

    def mark(self) -> None:
        """Count up to here: what follows may be waiting for more."""
        self._ended = time.process_time(), time.perf_counter()

    def say(self, **more: Any) -> None:
        """Print what was measured as one line of JSON."""
        assert self._begun is not None, "nothing was measured"
        seen, cpu_s, begun_s = self._begun
        ended_cpu_s, ended_s = self._ended or (time.process_time(), time.perf_counter())
        events = self.total - seen
        found = {
            "events": events,
            "cpu_us": (ended_cpu_s - cpu_s) / max(1, events) * 1e6,
            "per_s": events / (ended_s - begun_s),
            "per_epoch": events / max(1, self.epochs - self._epochs_warm),
            **more,
        }
        print("measured " + json.dumps(found), flush=True)
