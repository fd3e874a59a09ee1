"""The worker of the crash tests: a program of its own around the product's Worker.

It knows three things that production does not: points at which it ends or halts itself, mutants
that replace a function, and a wall clock that can jump. `python -m tests.crash.kafka.worker JSON`,
the argument being a Start. SIGUSR1 writes a Dump of what it holds, SIGUSR2 reads a new order to
crash.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import Any, cast

import msgspec
from aiokafka.client import AIOKafkaClient

from pipeline.engine import Agent
from pipeline.hosts.clock import Clock
from pipeline.hosts.faust.setting import Setting
from pipeline.hosts.faust.state.slot import Slot
from pipeline.hosts.faust.worker import Worker
from tests.crash.kafka import stages
from tests.crash.kafka.crashing import Crashing, end, end_because, say
from tests.crash.kafka.start import Dump, Start, parse

LAST = "\U0010ffff" * 8


def name_clients(name: str) -> None:
    """Let every connection say whose it is: the proxy's faults go by client ids. No signature
    changes by it, since the worker checks at its start what it overrides.
    """

    def get(client: Any) -> str:
        return f"{name}/{client.__dict__['_client_id']}"

    def put(client: Any, value: str) -> None:
        client.__dict__["_client_id"] = value

    cast("Any", AIOKafkaClient)._client_id = property(get, put)


def wall_ms(jump: str) -> int:
    """The wall clock, as far off as the jump's file says."""
    off_s = 0
    if jump and Path(jump).exists():
        off_s = int(Path(jump).read_text(encoding="utf-8") or "0")
    return time.time_ns() // 1_000_000 + off_s * 1_000


def write_dump(start: Start, worker: Worker) -> None:
    """Write what the worker holds, whole or not at all."""
    dump = Dump(held={}, rows={}, lags={})
    for name, app in worker.apps.items():
        rows = dump.rows[name] = []
        dump.held[name] = list(app.epochs.tasks)
        for partition, hosted in app.epochs.tasks.items():
            own = [spec.name for stage in hosted.task.agent.stages for spec in stage.tables]
            for table in (*own, "wakes", "wake-of"):
                rows += [
                    (partition, f"{table}\0{key}".encode(), value)
                    for key, value in hosted.store.scan(table, "", LAST)
                ]
    for task, lag in worker.lag().items():
        name = task.rpartition("-")[0]
        dump.lags[name] = dump.lags.get(name, 0) + lag
    new = start.dump.with_suffix(".new")
    new.write_bytes(msgspec.msgpack.encode(dump))
    new.replace(start.dump)


def agents(start: Start) -> list[Agent]:
    """The agents that this worker is to run."""
    return [agent for agent in stages.agents() if agent.name in start.agents]


async def first_of(*futures: asyncio.Future[Any]) -> None:
    """Return when one of them is done."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def run(start: Start, crashing: Crashing) -> int:
    """Run until SIGTERM, or until the worker ends by itself."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    slot = Slot(Path(start.folder))
    clock = Clock(wall_ms=lambda: wall_ms(start.jump))
    setting = Setting(
        app=start.app,
        options={"bootstrap_servers": start.bootstrap},
        folder=slot.folder,
        slot_id=slot.id,
        store=start.store,  # type: ignore[arg-type]
        session_timeout_ms=start.session_timeout_ms,
        heartbeat_ms=min(1_000, start.session_timeout_ms // 6),
    )
    worker = Worker(setting, agents(start), clock.now_ms, slot)
    loop.add_signal_handler(signal.SIGUSR1, write_dump, start, worker)
    loop.add_signal_handler(
        signal.SIGUSR2, lambda: crashing.order(start.order.read_text(encoding="utf-8"))
    )
    say("starts")
    starting = asyncio.ensure_future(worker.start())
    ordered = asyncio.ensure_future(stopping.wait())
    await first_of(starting, worker.ended, ordered)
    if starting.done() and not worker.ended.done():
        if error := starting.exception():
            end_because(error)
        say("ready")
        await first_of(worker.ended, ordered)
    if worker.ended.done():
        end_because(worker.ended.exception())
    await worker.stop(is_leaving=start.is_leaving)
    return 0


def main() -> None:
    """Run as the argument says."""
    start = parse(sys.argv[1])
    name_clients(start.name)
    if start.mutants:
        from tests.crash.kafka.mutants import MUTANTS

        for mutant in start.mutants:
            MUTANTS[mutant]()
    crashing = Crashing()
    crashing.order(start.crash)
    try:
        if start.topology:
            from tests.crash.kafka.product import run_product as work
        else:
            work = run
        end(asyncio.run(work(start, crashing)))
    except Exception as error:  # noqa: BLE001  (crash only: say why, and end)
        end_because(error)


if __name__ == "__main__":
    main()
