"""Quix Streams exactly-once, as its manual shows it: a stateful function between two topics.

It runs in a virtual environment of its own, since it pins an older confluent-kafka; so it imports
only itself and the standard library. State is RocksDB with a changelog topic, its default.
"""

# ruff: noqa: E402
from __future__ import annotations

import logging
import sys
import warnings

warnings.simplefilter("ignore")

from typing import Any

from quixstreams import Application, State  # type: ignore[import-not-found]

from tests.bench.kafka.job import Job, Meter

RANKS = {"unknown": 0, "info": 1, "warning": 2, "error": 3, "critical": 4}


def run(job: Job) -> None:
    """Do the job."""
    meter = Meter(job)
    app = Application(
        broker_address=job.bootstrap,
        consumer_group=job.name,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=job.commit_s,
        state_dir=job.folder,
        loglevel="ERROR",
    )

    def process(alert: dict[str, Any], state: State) -> dict[str, Any]:
        row = state.get("row")
        at_ms, severity = alert["received_at_ms"], alert["severity"]
        if row is None:
            row = [1, at_ms, at_ms, severity, alert["status"], alert["alert_id"]]
        else:
            worst = severity if RANKS[severity] > RANKS[row[3]] else row[3]
            row = [row[0] + 1, row[1], at_ms, worst, alert["status"], alert["alert_id"]]
        state.set("row", row)
        meter.saw()
        return {**alert, "version": row[0]}

    source = app.topic(job.source, value_deserializer="json", key_deserializer="str")
    target = app.topic(job.target, value_serializer="json", key_serializer="str")
    app.dataframe(source).apply(process, stateful=True).to_topic(target)
    app.run(count=job.count)
    meter.say(per_epoch=0)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    run(Job.given())
    sys.exit(0)
