"""Faust as its manual shows it: a Record, a table, an agent; the guarantee is the job's option.

The alert goes out by `send`, which waits until the record is queued. Its worker may restart its
parts for ever under exactly_once: the job's time limit ends it, and the table says so.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

import faust

from tests.bench.kafka.job import Job, Meter
from tests.bench.kafka.work import RANKS


class BenchAlert(faust.Record, serializer="json"):
    """The 27 fields."""

    alert_id: str
    source: str
    source_id: str
    fingerprint: str
    name: str
    description: str
    severity: str
    status: str
    service: str
    environment: str
    region: str
    cluster: str
    namespace: str
    host: str
    instance: str
    metric: str
    value: float
    threshold: float
    starts_at_ms: int
    ends_at_ms: int
    received_at_ms: int
    labels: dict[str, str]
    annotations: dict[str, str]
    tags: list[str]
    trace_id: str
    version: int
    is_test: bool


def build(job: Job, meter: Meter) -> faust.App:
    """The app."""
    app = faust.App(
        job.name,
        broker=f"kafka://{job.bootstrap}",
        processing_guarantee=job.option,
        topic_partitions=job.partitions,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        store="memory://",
        datadir=job.folder,
        table_standby_replicas=0,
    )
    source = app.topic(job.source, value_type=BenchAlert, partitions=job.partitions)
    target = app.topic(job.target, value_type=BenchAlert, partitions=job.partitions)
    table = app.Table("rows", partitions=job.partitions)

    @app.agent(source)
    async def hop(alerts: Any) -> None:
        async for alert in alerts:
            key = alert.fingerprint
            row = table.get(key)
            at_ms, severity = alert.received_at_ms, alert.severity
            if row is None:
                row = [1, at_ms, at_ms, severity, alert.status, alert.alert_id]
            else:
                worst = severity if RANKS[severity] > RANKS[row[3]] else row[3]
                row = [row[0] + 1, row[1], at_ms, worst, alert.status, alert.alert_id]
            table[key] = row
            await target.send(key=key, value=alert.derive(version=row[0]))
            if meter.saw():
                meter.say(per_epoch=0)
                os._exit(0)

    return app


async def run(job: Job) -> None:
    """Do the job; the agent ends the process."""
    worker = faust.Worker(build(job, Meter(job)), loglevel="CRITICAL", redirect_stdouts=False)
    await worker.start()
    await asyncio.sleep(job.limit_s)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(run(Job.given()))
