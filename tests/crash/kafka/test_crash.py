"""`make crash`: 60,000 events under kills, pauses, rebalances and a bouncing broker, each once.

The seed is printed first and replays the schedule: `python -m tests.crash.kafka crash --seed N`.
In an ordinary `make test` a small run stands for it; TOCSIN_CRASH=1 asks for the whole.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from tests.crash.kafka.__main__ import SHORT
from tests.crash.kafka.report import write
from tests.crash.kafka.schedule import Numbers
from tests.crash.kafka.suite import Plan, run
from tests.kafka import require_kafka

SMALL = Numbers(
    kills=2, rounds_of_points=0, pauses=1, joins=1, storms=0, bounces=1, holds=1, cuts=1
)


@pytest.mark.timeout(1_500)
def test_every_event_counts_once_whoever_is_killed(tmp_path: Path) -> None:
    require_kafka()
    seed = int(os.environ.get("TOCSIN_CRASH_SEED", "0")) or secrets.randbelow(10**6) + 1
    if os.environ.get("TOCSIN_CRASH") == "1":
        plan = Plan(seed=seed, numbers=SHORT)
    else:
        plan = Plan(seed=seed, events=3_000, keys=300, numbers=SMALL)
    outcome = run(plan, tmp_path)
    assert outcome.is_good, write(outcome)
