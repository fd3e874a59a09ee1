"""The demo's home in one process, and what homes of either kind leave behind in its folder."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from pipeline.app.embedded import VIEW, Embedded
from pipeline.domain.store import Output
from pipeline.hosts.embedded.folder import DATABASE, SERVER, Folder
from pipeline.topology.declared import Topology

KAFKA: Final = "kafka"
"""Where a demo on Kafka keeps its node, below the demo's folder."""

SLOTS: Final = "slots"


class EmbeddedHome(Embedded):
    """As `tocsin run`."""

    @property
    def hints(self) -> list[tuple[str, str]]:
        """None: the commands for every home show all of it."""
        return []

    async def know(self, records: Iterable[Output]) -> None:
        """One commit: whatever comes later is in a later epoch."""
        await self.runner.append(records)


@asynccontextmanager
async def embedded_home(
    folder: Path, topology: Topology, text: str, events_url: str
) -> AsyncIterator[EmbeddedHome]:
    """A home over a folder that is cleared first. Raises Busy while a demo runs there."""
    clear(folder)
    yield EmbeddedHome(topology, Folder(folder), text=text, events_url=events_url)


def clear(folder: Path) -> None:
    """Take away what an earlier demo left, and nothing else. Raises Busy while one runs."""
    held = Folder(folder)
    held.acquire()
    try:
        for name in (DATABASE, VIEW):
            for ending in ("", "-wal", "-shm"):
                (folder / f"{name}{ending}").unlink(missing_ok=True)
        (folder / SERVER).unlink(missing_ok=True)
        for name in (KAFKA, SLOTS):
            shutil.rmtree(folder / name, ignore_errors=True)
    finally:
        held.release()
