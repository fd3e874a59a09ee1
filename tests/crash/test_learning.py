"""Killed at 15 random points, what was learned is what an uninterrupted run learns, to the bit."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

KILLS = 15
COUNT = 900
"""Outcomes."""
SEED = 20_26


def start(path: Path) -> subprocess.Popen[str]:
    """The learner, once it has begun to learn."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.learner", str(path), str(COUNT)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def finish(path: Path) -> tuple[str, float]:
    """(what it came to, seconds from its beginning)."""
    process = start(path)
    begun_s = time.monotonic()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return said, time.monotonic() - begun_s


def test_fifteen_kills_leave_the_model_of_an_uninterrupted_run(tmp_path: Path) -> None:
    whole, took_s = finish(tmp_path / "whole.db")
    assert whole.startswith("done ")
    dice = random.Random(SEED)
    killed = 0
    for _ in range(KILLS):
        process = start(tmp_path / "cut.db")
        try:
            # It may be done before: then it is killed while it does nothing, or has ended.
            process.wait(timeout=dice.random() * took_s / KILLS * 1.5)
        except subprocess.TimeoutExpired:
            process.kill()
            killed += 1
        process.communicate()
    assert killed >= KILLS // 2, f"{killed} of {KILLS} kills met a running process"
    assert finish(tmp_path / "cut.db")[0] == whole
