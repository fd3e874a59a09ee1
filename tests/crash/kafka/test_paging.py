"""Pages on Kafka: one per incident, whoever is killed between a commit, a call and its receipt."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.crash.kafka.paging import PAGED_S, Paging, Tally, check_pages, lease, tally
from tests.kafka import require_kafka
from tests.wait import wait_until


@pytest.mark.parametrize(
    ("effects", "kinds"),
    [
        ({("A", "triggered"): 1, ("A", "resolved"): 1}, set()),
        ({("A", "triggered"): 1}, {"unpaged"}),
        ({("A", "triggered"): 2, ("A", "resolved"): 1}, {"paged"}),
        ({("A", "triggered"): 1, ("A", "resolved"): 1, ("A", "reopened"): 1}, {"paged"}),
        ({("A", "triggered"): 1, ("A", "resolved"): 1, ("B", "triggered"): 1}, {"paged"}),
    ],
)
def test_the_check_of_pages_can_say_no(
    effects: dict[tuple[str, str], int], kinds: set[str]
) -> None:
    found = check_pages(Tally(effects, 9), ["A"], resolved=True)
    assert {complaint.kind for complaint in found} == kinds


def test_a_resolve_counts_for_the_title_of_its_trigger() -> None:
    events: list[dict[str, Any]] = [
        {"dedup_key": "x/1", "effect": "triggered", "payload": {"summary": "A"}},
        {"dedup_key": "x/1", "effect": "deduplicated", "payload": {"summary": "A"}},
        {"dedup_key": "x/1", "effect": "resolved", "payload": None},
    ]
    found = tally(events)
    assert check_pages(found, ["A"], resolved=True) == []
    assert found.calls == 3


def test_each_incident_pages_once_though_workers_die_at_every_step_of_a_call(
    tmp_path: Path,
) -> None:
    require_kafka()
    titles = [f"A{number:03d}" for number in range(200)]
    with Paging(tmp_path) as paging:
        paging.fail(
            {"kind": "status", "status": 500, "share": 0.02},
            {"kind": "reset_after_accept", "share": 0.02},
            {"kind": "status", "status": 429, "retry_after_s": 1, "share": 0.01},
        )
        paging.worker("one")
        paging.worker("two")
        wait_until(
            lambda: paging.crew.is_ready("one") and paging.crew.is_ready("two"),
            what="both workers are ready",
            deadline_s=PAGED_S,
        )
        for number, order in enumerate(("called:3:exit", "before-end:5:exit", "ended:3:exit")):
            paging.crew.order("one", order)
            paging.alerts(titles[number * 60 : number * 60 + 60])
            paging.crew.members["two"].signal(signal.SIGSTOP)
            paging.crew.members["two"].signal(signal.SIGCONT)
        paging.alerts(titles[180:])
        wait_until(
            lambda: paging.effective("triggered") >= len(titles),
            what="everybody was paged",
            deadline_s=PAGED_S,
        )
        paging.crew.kill("two")
        paging.alerts(titles, "resolved")
        wait_until(
            lambda: paging.effective("resolved") >= len(titles),
            what="everything was resolved",
            deadline_s=PAGED_S,
        )
        assert check_pages(paging.tally(), titles, resolved=True) == []


def test_a_worker_that_slept_through_its_lease_calls_nobody(tmp_path: Path) -> None:
    require_kafka()
    assert lease(tmp_path, ()).residue == 0


@pytest.mark.skipif(os.environ.get("TOCSIN_CRASH") != "1", reason="`make mutants` tries every one")
def test_the_mutant_that_ignores_the_lease_is_caught(tmp_path: Path) -> None:
    require_kafka()
    assert lease(tmp_path, ("ignore_lease",)).residue == 1
