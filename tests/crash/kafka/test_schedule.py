"""A schedule is its seed's, has everything it was asked for, and every named point among it."""

from __future__ import annotations

from collections import Counter

from pipeline.hosts.faust.points import POINTS
from tests.crash.kafka.schedule import Numbers, schedule


def test_a_seed_replays_its_schedule() -> None:
    once = schedule(7, Numbers(), workers=2, session_s=6)
    assert once == schedule(7, Numbers(), workers=2, session_s=6)
    assert once != schedule(8, Numbers(), workers=2, session_s=6)


def test_everything_asked_for_is_there() -> None:
    numbers = Numbers(kills=5, pauses=6, joins=3, holds=4, cuts=2, jumps=2, full_disks=1)
    found = Counter(step.kind for step in schedule(3, numbers, workers=3, session_s=6))
    assert found["kill"] + found["kill-empty"] + found["kill-at"] == numbers.kill_count
    assert (found["pause"], found["join"], found["storm"]) == (6, 3, 1)
    assert found["hold-request"] + found["hold-response"] == 4
    assert (found["stall"], found["jump"], found["full-disk"]) == (2, 2, 1)


def test_every_point_of_an_epoch_is_met_and_every_kind_of_pause() -> None:
    steps = schedule(1, Numbers(rounds_of_points=2), workers=2, session_s=6)
    at = Counter(step.what for step in steps if step.kind == "kill-at")
    assert at == {point: 2 for point in POINTS if point != "called"}
    pauses = sorted(step.for_s for step in steps if step.kind == "pause")
    assert pauses[1] < 4 < pauses[2] < 7 < pauses[4]
    assert all(0 <= step.worker < 2 for step in steps)
