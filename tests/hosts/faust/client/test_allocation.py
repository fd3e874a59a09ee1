"""Blocks of an epoch's size are taken from memory that the process has, not from the kernel."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from pipeline.hosts.faust.client import allocation
from tests.real import ROOT

PROGRAM = """
import resource, sys
from pipeline.hosts.faust.client.allocation import keep_freed_memory
if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit("not here")
def epoch():
    parts = [bytearray(700_000) for _ in range(4)]
    return len(b"".join(parts))
epoch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    epoch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode: str) -> int:
    """How many pages the kernel had to give while fifty epochs were built."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, mode],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "not here" in ran.stderr:
        pytest.skip("this C library has no mallopt")
    assert ran.returncode == 0, ran.stderr
    return int(ran.stdout)


def test_freed_blocks_are_taken_again() -> None:
    assert faults("kept") < faults("given-back") / 5


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert allocation.keep_freed_memory() is False
