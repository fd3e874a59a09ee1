"""Disk: a small file system of its own for the workers' folders, that can be filled and freed.

It needs root, to mount; where that is lacking, a run has no steps of this kind and says so.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

MIB_PER_WORKER: Final = 64
CHUNK: Final = b"\0" * 2**20


class SmallDisk:
    """A tmpfs at a folder. `close` unmounts it."""

    def __init__(self, folder: Path, workers: int) -> None:
        """Raises CalledProcessError where it cannot be mounted."""
        self._folder = folder
        self._ballast = folder / "ballast"
        folder.mkdir(parents=True, exist_ok=True)
        size = f"size={MIB_PER_WORKER * workers}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], check=True)

    @staticmethod
    def is_possible() -> bool:
        """Whether this user may mount."""
        return os.geteuid() == 0

    def fill(self) -> None:
        """Leave no byte free."""
        with self._ballast.open("ab", buffering=0) as file:
            size = len(CHUNK)
            while size:
                try:
                    file.write(CHUNK[:size])
                except OSError:
                    size //= 2

    def free(self) -> None:
        """Give back what was taken."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount; what is still open goes with its process."""
        subprocess.run(["umount", "--lazy", str(self._folder)], check=False)
