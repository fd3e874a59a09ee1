"""Where the files beside the code lie: in a checkout at the top, in a wheel under _data."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.domain.errors import UsageError

PACKAGE: Final = Path(__file__).resolve().parents[1]


def locate(name: str, package: Path = PACKAGE) -> Path:
    """The path of `topology.yaml`, `schemas` or something under `infra/kafka`.

    A wheel's own copy comes first: beside an installed package lies whatever else is installed.
    Raises UsageError where it is in neither place.
    """
    for root in (package / "_data", package.parent):
        path = root / name
        if path.exists():
            return path
    raise UsageError(f"{name} is not beside the program: install Tocsin again")
