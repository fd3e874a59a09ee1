"""`make mutants`: a suite that lets a broken rule live proves nothing, so each is broken once.

In an ordinary `make test` one mutant stands for all; TOCSIN_CRASH=1 asks for every one.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.crash.kafka.mutants import MUTANTS
from tests.crash.kafka.scripts import SCRIPTS, Script, play
from tests.kafka import require_kafka

ELSEWHERE = {"ignore_lease"}
"""It needs a receiver: test_pages.py has its script."""


def test_every_mutant_has_a_script() -> None:
    assert {script.mutant for script in SCRIPTS} == set(MUTANTS) - ELSEWHERE


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.mutant)
def test_a_mutant_is_caught_by_its_script_and_nothing_else_is(
    script: Script, tmp_path: Path
) -> None:
    if os.environ.get("TOCSIN_CRASH") != "1" and script.mutant != "write_before_commit":
        pytest.skip("`make mutants` tries every mutant")
    require_kafka()
    assert play(script, tmp_path / "sound", is_mutated=False) == []
    found = {complaint.kind for complaint in play(script, tmp_path / "mutated", is_mutated=True)}
    assert found & script.kinds, f"not caught; it led to {sorted(found) or 'nothing'}"
