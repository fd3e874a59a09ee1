"""The steady clock goes on while the machine sleeps."""

import shutil
import subprocess
import sys
from typing import Final

import pytest

from pipeline.hosts.steady import steady_ms, steady_s
from tests.real import ROOT

DAY_S: Final = 86_400
SAY: Final = """
import time
from pipeline.hosts.steady import steady_s
print(steady_s() - time.monotonic())
"""


def test_both_units_are_of_one_clock_and_never_go_back() -> None:
    first, second, third = steady_s(), steady_ms(), steady_s()
    assert first * 1_000 - 1 <= second <= third * 1_000 + 1


def in_a_machine_that_slept(*command: str) -> subprocess.CompletedProcess[str]:
    """Run it where CLOCK_BOOTTIME is a day ahead: in a time namespace of Linux."""
    unshare = ["unshare", "--user", "--map-root-user", "--time", "--boottime", str(DAY_S), "--fork"]
    return subprocess.run(
        [*unshare, *command], capture_output=True, text=True, check=False, cwd=ROOT, timeout=30
    )


def test_it_counts_the_sleep_of_the_machine() -> None:
    if shutil.which("unshare") is None or in_a_machine_that_slept("true").returncode != 0:
        pytest.skip("this machine gives us no time namespace")
    slept = in_a_machine_that_slept(sys.executable, "-c", SAY)
    awake = subprocess.run(
        [sys.executable, "-c", SAY], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert slept.returncode == 0, slept.stderr
    assert float(slept.stdout) - float(awake.stdout) == pytest.approx(DAY_S, abs=10)
