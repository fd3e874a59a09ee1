"""Real parts that a test needs and a machine may lack: a program, or the folder of shared captures.

What is lacking is a skip with its reason, counted in the last lines of the run. Where CI has
installed the programs it sets TOCSIN_REQUIRE_REAL=1, and then a lacking program is a failure.
"""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def require_program(*names: str) -> Path:
    """The first of these programs that PATH has (packagers name one program differently)."""
    for name in names:
        found = shutil.which(name)
        if found:
            return Path(found)
    reason = f"{' or '.join(names)} is not installed"
    if os.environ.get("TOCSIN_REQUIRE_REAL") == "1":
        pytest.fail(f"{reason}, and TOCSIN_REQUIRE_REAL=1 forbids to skip")
    pytest.skip(reason)


def shared(path: str) -> Path:
    """A file or folder of the `shared` folder that may lie beside the checkout."""
    found = ROOT.parent / "shared" / path
    if not found.exists():
        pytest.skip(f"../shared/{path} is absent")
    return found
