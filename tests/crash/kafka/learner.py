"""A worker on Kafka that learns, until so many outcomes are learned, as tests.crash.learner does.

`python -m tests.crash.kafka.learner BOOTSTRAP FOLDER COUNT`. It says `begun`, `owns` when
the task is its own, and at the end `done` with the hash of what it came to; whoever kills it before
starts it again.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from pipeline.app.learning import Learned, load
from pipeline.engine import Task
from pipeline.hosts.clock import Clock
from pipeline.hosts.faust.setting import Setting
from pipeline.hosts.faust.state.slot import Slot
from pipeline.hosts.faust.worker import Worker
from pipeline.stages.fit.tables import MODELS
from tests.crash.learner import MODEL, fit, result, say
from tests.hosts.faust.topics import read_all
from tests.wait import wait_until_async

APP: Final = "learner"
SESSION_MS: Final = 6_000


async def work(bootstrap: str, folder: Path, count: int) -> None:
    """Learn until the table has `count` outcomes."""
    with Slot(folder) as slot:
        setting = Setting(
            app=APP,
            options={"bootstrap_servers": bootstrap},
            folder=folder,
            slot_id="one",
            session_timeout_ms=SESSION_MS,
            heartbeat_ms=500,
        )
        worker = Worker(setting, [fit(Learned())], Clock().now_ms, slot)
        say("begun")
        await worker.start()
        say("owns")
        epochs = worker.apps["learn"].epochs

        def learning() -> Task | None:
            return epochs.tasks[0].task if 0 in epochs.tasks else None

        def is_done() -> bool:
            task = learning()
            row = None if task is None else task.rows(MODELS.name).get(MODEL)
            return worker.ended.done() or (row is not None and row.count >= count)

        await wait_until_async(is_done, what="all are learned", deadline_s=180)
        if worker.ended.done():
            worker.ended.result()
        async with epochs.paused():
            task = learning()
            assert task is not None
            written = await asyncio.to_thread(read_all, bootstrap, "models")
            pairs = [(each.key().decode(), each.value() or b"") for each in written]
            say(f"done {result(task, pairs)}")
        await worker.stop()


if __name__ == "__main__":
    load()
    asyncio.run(work(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
    os._exit(0)
