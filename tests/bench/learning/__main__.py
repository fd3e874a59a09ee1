"""`make bench-learning`: every data set's table, one after the other, as markdown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NOT_A_TABLE = {"__init__", "__main__", "estate", "vendors", "generator"}


def names() -> list[str]:
    """The modules of this folder that print a table."""
    found = (each.stem for each in Path(__file__).parent.glob("*.py"))
    return sorted(each for each in found if each not in NOT_A_TABLE and has_main(each))


def has_main(name: str) -> bool:
    """Whether a module of this folder is meant to be run."""
    text = (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    return 'if __name__ == "__main__":' in text


def main(wanted: list[str]) -> int:
    """Run the tables named, or all; 1 where one of them missed what it must reach."""
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        print(f"no table {', '.join(unknown)}; there are {', '.join(names())}", file=sys.stderr)
        return 2
    missed = []
    for name in wanted or names():
        print(f"\n## {name} (`python -m tests.bench.learning.{name}`)\n")
        sys.stdout.flush()
        command = [sys.executable, "-m", f"tests.bench.learning.{name}"]
        if subprocess.run(command, check=False).returncode:
            missed.append(name)
    if missed:
        print(f"\nmissed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
