"""A migration that is killed at a named point of its nth transaction.

`python -m tests.hosts.migrate.dying BOOTSTRAP FOLDER CONFIG POINT NUMBER`
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from pipeline.hosts.faust import points
from pipeline.hosts.migrate import carry
from tests.hosts.migrate.worlds import migrate
from tests.real import ROOT

PIECE_RECORDS_MAX = 20
WITHIN_S = 180.0


def killed(bootstrap: str, folder: Path, config: Path, point: str, number: int) -> bool:
    """Migrate in a process of its own; whether it was killed before it could end."""
    given = (bootstrap, str(folder), str(config), point, str(number))
    done = subprocess.run(
        [sys.executable, "-m", "tests.hosts.migrate.dying", *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def main(bootstrap: str, folder: Path, config: Path, point: str, number: int) -> None:
    """Migrate in small pieces, and die."""
    passed = 0

    def listen(name: str) -> None:
        nonlocal passed
        if name == point:
            passed += 1
            if passed == number:
                os.kill(os.getpid(), signal.SIGKILL)

    points.listen(listen)
    carry.PIECE_RECORDS_MAX = PIECE_RECORDS_MAX  # type: ignore[misc]
    outcome = migrate(folder, bootstrap, config.read_text(encoding="utf-8"))
    assert outcome.found.refusals == (), outcome.found.refusals


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
