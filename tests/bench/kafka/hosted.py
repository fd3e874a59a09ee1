"""Our worker with the hop as its only stage: what `tocsin worker` runs, for one agent.

Topics carry Avro. To do the same work as the peers, the codec of topic values is replaced by JSON
in this process; nothing else differs. Epoch sizes other than the product's are set the same way.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import uvloop

from pipeline.cli.starting import GC_THRESHOLDS
from pipeline.domain.alert import Alert
from pipeline.domain.stage import Context, TableSpec
from pipeline.engine import Agent, Effects
from pipeline.engine import context as engine_context
from pipeline.engine import task as engine_task
from pipeline.hosts.clock import Clock
from pipeline.hosts.faust.client.allocation import keep_freed_memory
from pipeline.hosts.faust.setting import Setting
from pipeline.hosts.faust.stream import batches
from pipeline.hosts.faust.worker import Worker
from tests.bench.kafka.job import Job, Meter
from tests.bench.kafka.work import Row, decode_alert, encode_json, step

AGENT: Final = "bench"
ROWS: TableSpec[Row] = TableSpec(name="rows", type=Row)


class Hop:
    """The work as a stage."""

    name = "hop"
    accepts = (Alert,)
    tables: tuple[TableSpec[Any], ...] = (ROWS,)

    def __init__(self, target: str) -> None:
        self._target = target

    def process(self, event: Alert, ctx: Context) -> None:
        """Change the row and pass the alert on."""
        rows, key = ctx.table(ROWS), event.fingerprint
        row, alert = step(rows.get(key), event)
        rows.put(key, row)
        ctx.emit(self._target, key, alert)

    def wake(self, key: str, ctx: Context) -> None:
        """It asks for no timer."""


def agent(job: Job) -> Agent:
    """The agent of the job."""
    return Agent(
        name=AGENT, stages=(Hop(job.target),), reads={job.source: Alert}, writes=(job.target,)
    )


def setting(job: Job, slot: str = "bench") -> Setting:
    """A worker on the job's broker, in the job's folder."""
    folder = Path(job.folder) / slot
    folder.mkdir(exist_ok=True)
    return Setting(
        app=job.name,
        options={"bootstrap_servers": job.bootstrap},
        folder=folder,
        slot_id=slot,
        store="memory" if "memory" in job.option else "rocksdb",
    )


def speak_json() -> None:
    """Let topic values be JSON in this process."""
    vars(engine_context)["encode"] = encode_json
    vars(engine_task)["decode"] = lambda _kind, data: decode_alert(data)


async def run(job: Job) -> None:
    """Do the job; or, where its option says `until-told`, work until standard input ends."""
    if "avro" not in job.option:
        speak_json()
    batches.EPOCH_RECORDS_MAX = job.epoch  # type: ignore[misc]
    done = asyncio.Event()
    meter = Meter(job)
    slot = job.option.partition("slot=")[2] or "bench"
    worker = Worker(setting(job, slot), [agent(job)], Clock().now_ms)
    is_told = "until-told" in job.option

    def committed(epochs: Sequence[Effects], _took_s: float) -> None:
        is_all = meter.saw(sum(effects.events for effects in epochs))
        if is_told:
            meter.mark()
        elif is_all:
            done.set()

    worker.listeners.append(committed)
    await worker.start()
    print("ready", flush=True)
    if is_told:
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin, done.set)
    worker.ended.add_done_callback(lambda _: done.set())
    await done.wait()
    if worker.ended.done():
        worker.ended.result()
    if meter.total > job.warm:
        meter.say()
    await worker.stop()


if __name__ == "__main__":
    given = Job.given()
    keep_freed_memory()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    uvloop.run(run(given))
