"""T1 to T5: what today's systems do not survive. Nothing accepted is lost, nothing paged twice.

Each was run against Alertmanager, Alerta and Keep, which lose or repeat pages here.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.crash.processes import World
from tests.wait import wait_until

PAGED_WITHIN_S = 90


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.end()


def names(count: int, prefix: str = "A") -> list[str]:
    return [f"{prefix}{n:04d}" for n in range(count)]


def check_each_once(world: World, expected: list[str]) -> None:
    """Wait until everybody was told, then each must have been triggered exactly once."""
    give_up_at = time.monotonic() + PAGED_WITHIN_S
    wait_until(
        lambda: len(world.effective()) >= len(expected) or time.monotonic() > give_up_at,
        what=f"{len(expected)} pages",
        deadline_s=PAGED_WITHIN_S + 30,
    )
    found, due = Counter(world.effective()), Counter(expected)
    lost, extra = due - found, found - due
    assert (lost, extra) == (Counter(), Counter()), "\n".join(world.tocsin.lines[-30:])
    assert world.effective("reopened") == []


def test_t1_killed_after_all_were_accepted_and_the_source_is_silent(world: World) -> None:
    everybody = names(1_000)
    for start in range(0, 1_000, 100):
        world.post(everybody[start : start + 100])
    world.tocsin.kill()
    world.restart()
    check_each_once(world, everybody)


def test_t2_killed_after_delivery_and_the_source_sends_again(world: World) -> None:
    everybody = names(1_000)
    world.post(everybody)
    check_each_once(world, everybody)
    world.tocsin.kill()
    world.restart()
    world.post(everybody)
    world.post(["marker"])
    check_each_once(world, [*everybody, "marker"])


def test_t3_a_graceful_restart_and_the_source_sends_again(world: World) -> None:
    everybody = names(1_000)
    world.post(everybody)
    check_each_once(world, everybody)
    assert world.tocsin.stop() == 0
    world.restart()
    world.post(everybody)
    world.post(["marker"])
    check_each_once(world, [*everybody, "marker"])
    assert len(world.calls()) == 1_001


def test_t4_six_kills_under_load_and_a_client_that_retries(world: World) -> None:
    everybody = names(1_500)
    seed = 20_26
    rng = random.Random(seed)
    kills = sorted(rng.sample(range(50, 1_400), 6))
    done = threading.Event()
    sent = [0]

    def produce() -> None:
        for start in range(0, len(everybody), 5):
            while not done.is_set():
                try:
                    world.post(everybody[start : start + 5])
                    break
                except httpx.HTTPError:
                    done.wait(0.02)
            sent[0] = start + 5
        done.set()

    with ThreadPoolExecutor(1) as pool:
        producer = pool.submit(produce)
        try:
            for kill_at in kills:
                wait_until(lambda at=kill_at: sent[0] >= at, what=f"{kill_at} sent", deadline_s=90)  # type: ignore[misc]
                world.tocsin.kill()
                world.restart()
            producer.result(timeout=120)
        finally:
            done.set()
    assert sent[0] == len(everybody), f"seed {seed}"
    check_each_once(world, everybody)


def test_t5_a_receiver_that_is_down_while_alerts_arrive(world: World) -> None:
    everybody = names(300)
    world.faults({"kind": "down"})
    for start in range(0, 300, 10):
        world.post(everybody[start : start + 10])
    wait_until(world.calls, what="it was tried", deadline_s=30)
    assert world.effective() == []
    world.faults()
    check_each_once(world, everybody)


def test_a_twentieth_of_all_calls_fails_and_each_page_is_effective_once(world: World) -> None:
    everybody = names(400)
    world.faults(
        {"kind": "status", "status": 500, "share": 0.02},
        {"kind": "reset_after_accept", "share": 0.02},
        {"kind": "status", "status": 429, "retry_after_s": 1, "share": 0.01},
    )
    for start in range(0, 400, 20):
        world.post(everybody[start : start + 20])
    check_each_once(world, everybody)
    world.post(everybody, status="resolved")
    wait_until(lambda: len(world.effective("resolved")) >= 400, what="400 resolved", deadline_s=90)
    assert sorted(world.effective("resolved")) == everybody
    assert sorted(world.effective()) == everybody
