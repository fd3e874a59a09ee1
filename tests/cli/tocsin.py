"""The command line as people call it: a process, its exit code, its two outputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tests.crash.processes import ROUTING_KEY
from tests.real import ROOT

PLAIN = {
    "COLUMNS": "100",
    "TERM": "dumb",
    "NO_COLOR": "1",
    "TZ": "UTC",
    "PAGERDUTY_ROUTING_KEY": ROUTING_KEY,
}


class Done(Struct, frozen=True):
    """What one call of the program came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document that it must be."""
        return json.loads(self.out)


def tocsin(
    *arguments: str,
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> Done:
    """Call the program and wait for its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=cwd,
        env={**kept, **PLAIN, "PYTHONPATH": str(ROOT), **(environment or {})},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)
