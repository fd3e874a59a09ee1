"""Aside: a folder that cannot be trusted is renamed with the reason, so that a person can look."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from pipeline.domain.errors import StoreError

ASIDE_MAX: Final = 2
"""So many folders set aside are kept per store; the oldest goes first."""


def set_aside(folder: Path, reason: str, now_ms: int) -> Path:
    """Rename `folder` to `<name>.aside-<time>-<reason>` and return that. Raises StoreError."""
    kept = asides(folder)
    taken = {path.name for path in kept}
    while (name := f"{folder.name}.aside-{now_ms:015d}-{reason}") in taken:
        now_ms += 1
    target = folder.with_name(name)
    try:
        for oldest in kept[: max(0, len(kept) + 1 - ASIDE_MAX)]:
            shutil.rmtree(oldest)
        folder.rename(target)
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be trusted ({reason}) and could not be set aside:"
            f" {error.strerror}. Remove it, or make its parent folder writable"
        ) from error
    return target


def asides(folder: Path) -> list[Path]:
    """What was set aside of one folder, the oldest first."""
    return sorted(folder.parent.glob(f"{folder.name}.aside-*"))
