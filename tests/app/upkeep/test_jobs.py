"""Jobs: none dies silently or takes another along; one line is logged per change of state."""

from __future__ import annotations

from structlog.testing import capture_logs

from pipeline.app.upkeep.jobs import Job, Jobs
from pipeline.observe.metrics import Metrics
from tests.wait import wait_until_async


class Flaky:
    """Fails from its second to its fourth run."""

    def __init__(self) -> None:
        self.runs = 0

    async def run(self) -> None:
        """Count, and fail while it is bad."""
        self.runs += 1
        if 1 < self.runs < 5:
            raise RuntimeError("the disk is asleep")


async def test_a_job_that_fails_is_said_once_counted_and_tried_again() -> None:
    metrics, flaky, steady = Metrics(), Flaky(), Flaky()
    steady.runs = 10
    jobs = Jobs(
        [
            Job(name="flaky", every_s=0.001, run=flaky.run),
            Job(name="steady", every_s=0.001, run=steady.run),
        ],
        metrics,
    )
    with capture_logs() as lines:
        jobs.start()
        await wait_until_async(lambda: flaky.runs > 7, what="it goes on after its failures")
        await wait_until_async(lambda: steady.runs > 12, what="the other went on meanwhile")
        await jobs.stop()
    assert [(line["event"], line["job"]) for line in lines] == [
        ("upkeep fails", "flaky"),
        ("upkeep works again", "flaky"),
    ]
    assert metrics.value("upkeep_failures", {"job": "flaky"}) == 3
    assert metrics.value("upkeep_runs", {"job": "flaky"}) == flaky.runs
    assert metrics.value("upkeep_failures", {"job": "steady"}) == 0


async def test_a_stopped_job_runs_no_more() -> None:
    flaky = Flaky()
    jobs = Jobs([Job(name="flaky", every_s=0.0, run=flaky.run, first_s=3_600)], Metrics())
    jobs.start()
    await jobs.stop()
    assert flaky.runs == 0
