"""The disk watch: how much the data folder holds, and a warning before its disk is full."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pipeline.app.upkeep.keeping import size_of
from pipeline.app.upkeep.own_alerts import OwnAlert, OwnAlerts
from pipeline.hosts.embedded.folder import DATABASE
from pipeline.observe.metrics import Metrics

NAME: Final = "TocsinDiskLow"
ENOUGH: Final = 1.1
"""The warning ends when there is a tenth more room than asked for, so that it does not flap."""

MIB: Final = 2**20


def free_bytes(folder: Path) -> int:
    """Room left on the disk of a folder. Raises OSError."""
    return shutil.disk_usage(folder).free


class DiskWatch:
    """Measures, and raises the warning below `free_min` bytes. `is_low` holds off what can wait."""

    def __init__(
        self,
        folder: Path,
        free_min: int,
        alerts: OwnAlerts,
        metrics: Metrics,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._folder = folder
        self._free_min = free_min
        self._alerts = alerts
        self._metrics = metrics
        self._free = free
        self.is_low = False

    async def run(self) -> None:
        """Look once. Raises OSError where the disk cannot be asked."""
        free, sizes = await asyncio.to_thread(self._look)
        self._metrics.set("disk_free_bytes", free)
        for part, size_bytes in sizes.items():
            self._metrics.set("disk_bytes", size_bytes, {"part": part})
        if free < self._free_min:
            self.is_low = True
        elif free >= self._free_min * ENOUGH:
            self.is_low = False
        await self._alerts.say(
            OwnAlert(
                name=NAME,
                severity="warning",
                description=(
                    f"{free // MIB} MiB are left on the disk of the data folder, "
                    f"{self._free_min // MIB} MiB are asked for. When it is full nothing is "
                    "accepted: free some room, or shorten the retention of topics."
                ),
            ),
            is_firing=self.is_low,
        )

    def _look(self) -> tuple[int, dict[str, int]]:
        folder = self._folder
        sizes = {
            "database": size_of(folder / DATABASE),
            "wal": size_of(folder / f"{DATABASE}-wal"),
            "bases": size_of(folder / "bases"),
            "view": sum(size_of(path) for path in folder.glob("view.db*")),
        }
        return self._free(folder), sizes
