"""Keeping: retention lets go of what every reader has passed, and a base is copied each day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import structlog

from pipeline.domain.errors import StoreError
from pipeline.engine import Task
from pipeline.engine.agent import JOURNAL
from pipeline.hosts.embedded import bases
from pipeline.hosts.embedded.retention import Keeping, Retention
from pipeline.hosts.embedded.runner import Runner
from pipeline.observe.metrics import Metrics
from pipeline.topology.builtin import PAST_GLOBALS
from pipeline.topology.declared import Topology

BASE_EVERY_MS: Final = 86_400_000
PIECES_MAX: Final = 2_000
"""Pieces trimmed in one go; what is left then goes a minute later."""

Opening = Callable[[Mapping[str, Keeping]], Retention]
"""Opens the Retention of a host's log."""

_log: Final = structlog.get_logger("tocsin.upkeep")


def keeping_of(topology: Topology) -> dict[str, Keeping]:
    """How long each topic keeps what. Of globals is kept what held at any time that the journal
    reaches back to, since a replay looks it up.
    """
    journal_ms = topology.retention_ms(JOURNAL)
    return {
        name: Keeping(
            after_ms=max(topology.retention_ms(name), journal_ms if name in PAST_GLOBALS else 0),
            is_compact=spec.cleanup == "compact",
        )
        for name, spec in topology.topics.items()
    }


def passed(tasks: Iterable[Task]) -> dict[str, int]:
    """The offset that every task has passed, by `topic:partition`."""
    found: dict[str, int] = {}
    for task in tasks:
        for topic in task.agent.reads:
            where = f"{topic}:{task.partition}"
            offset = task.checkpoint.offsets.get(where, 0)
            found[where] = min(found.get(where, offset), offset)
    return found


class Trimming:
    """Trims a piece at a time between two epochs, until nothing more may go."""

    def __init__(
        self,
        runner: Runner,
        opening: Opening,
        topology: Topology,
        now_ms: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        self._runner = runner
        self._opening = opening
        self._keeping = keeping_of(topology)
        self._now_ms = now_ms
        self._metrics = metrics
        self._retention: Retention | None = None

    async def run(self) -> None:
        """Trim what may go now. Raises StoreError where the database cannot be written."""
        for _ in range(PIECES_MAX):
            gone = await self._runner.between_epochs(self._piece)
            if not gone:
                return
            self._metrics.count("trimmed_records", int(str(gone)))

    def _piece(self) -> int:
        """Runs in the runner's thread, whose connection it uses."""
        host = self._runner.host
        if self._retention is None:
            self._retention = self._opening(self._keeping)
        return self._retention.trim(self._now_ms(), passed(host.tasks()))


class Bases:
    """Copies the state once a day, in a thread: a replay begins at such a copy."""

    def __init__(
        self, database: str, folder: Path, now_ms: Callable[[], int], metrics: Metrics
    ) -> None:
        self._database = database
        self._folder = folder
        self._now_ms = now_ms
        self._metrics = metrics

    async def run(self) -> None:
        """Copy, if the last copy is a day old. Raises StoreError or OSError."""
        now_ms = self._now_ms()
        last = bases.nearest(self._folder, now_ms)
        if last is None or now_ms - int(last.stem) >= BASE_EVERY_MS:
            last = await asyncio.to_thread(bases.take, self._database, self._folder, now_ms)
            _log.info("base taken", size_bytes=last.stat().st_size)
        self._metrics.set("last_base_timestamp_seconds", int(last.stem) / 1_000)


def size_of(path: Path) -> int:
    """Bytes of a file, or of the files of a folder; 0 where there is none."""
    try:
        if path.is_dir():
            return sum(each.stat().st_size for each in path.iterdir() if each.is_file())
        return path.stat().st_size if path.exists() else 0
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
