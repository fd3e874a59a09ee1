"""CPU of one alert on its way, by stage and by what surrounds the stages, in one process.

The embedded host on a file, driven in this thread: no HTTP, no threads, calls answered at once.
A clock runs for whoever works: what a stage calls (the next stage, the codec, the database) is
not counted as its own.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from msgspec.structs import replace

from pipeline.app import compose
from pipeline.codec import encode
from pipeline.domain.secret import Secret
from pipeline.edge.accept import Delivery, records_of
from pipeline.edge.view import View
from pipeline.engine import context as engine_context
from pipeline.hosts.embedded import database, driver
from pipeline.hosts.embedded.log import SqliteLog
from pipeline.hosts.embedded.reader import LogReader
from pipeline.hosts.embedded.store import SqliteStore
from pipeline.stages.ingest import parse
from pipeline.topology.load import load as load_topology
from tests.bench import load
from tests.bench.throughput import TOPOLOGY

COUNTS: Final = {"duplicates": 20_000, "grouped": 10_000, "alone": 4_000}
STEP_MS: Final = 5
EDGE, ENGINE, CODEC, DATABASE, VIEW = (
    "edge: parse, check, encode",
    "engine",
    "codec: Avro",
    "log and tables: SQLite",
    "view",
)


class Clock:
    """CPU nanoseconds of this thread by who works."""

    def __init__(self) -> None:
        self.spent_ns: dict[str, int] = defaultdict(int)
        self._who: list[str] = []
        self._since_ns = 0

    @contextmanager
    def of(self, who: str) -> Iterator[None]:
        """Count for `who` until the end of the block, but for blocks inside it."""
        self._turn()
        self._who.append(who)
        try:
            yield
        finally:
            self._turn()
            self._who.pop()

    def wrap(self, who: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, counted for `who`."""

        def counted(*args: Any, **kwargs: Any) -> Any:
            with self.of(who):
                return call(*args, **kwargs)

        return counted

    def _turn(self) -> None:
        now_ns = time.thread_time_ns()
        if self._who:
            self.spent_ns[self._who[-1]] += now_ns - self._since_ns
        self._since_ns = time.thread_time_ns()


class Watched:
    """A stage whose work is counted for it."""

    def __init__(self, stage: Any, clock: Clock) -> None:
        self.name, self.accepts, self.tables = stage.name, stage.accepts, stage.tables
        self.process = clock.wrap(stage.name, stage.process)
        self.wake = clock.wrap(stage.name, stage.wake)


def measure(workload: str, folder: Path) -> dict[str, float]:
    """CPU µs per alert by who spent them."""
    clock, path = Clock(), str(folder / f"{workload}.db")
    topology = load_topology(TOPOLOGY, "bench", lambda _: Secret("0" * 32))
    agents = [
        replace(agent, stages=tuple(Watched(stage, clock) for stage in agent.stages))
        for agent in compose.agents(topology, compose.wiring(topology, "abcdefgh", slot="bench"))
    ]
    with (
        patch.object(driver, "connect", lambda _: database.connect(path)),
        patch.object(engine_context, "encode", clock.wrap(CODEC, encode)),
        patch.object(SqliteLog, "append", clock.wrap(DATABASE, SqliteLog.append)),
        patch.object(SqliteStore, "write", clock.wrap(DATABASE, SqliteStore.write)),
        patch.object(SqliteStore, "get", clock.wrap(DATABASE, SqliteStore.get)),
    ):
        world = driver.Driver(
            agents,
            types=compose.event_types(topology),
            globals_=compose.global_topics(topology),
        )
        view = View(LogReader(path, world.host.log), folder / f"{workload}.view")
        config = topology.sections["ingest"]
        for body in load.bodies(workload, COUNTS[workload]):
            world.now_ms += STEP_MS
            with clock.of(EDGE):
                parsed = parse(body, "native", {}, config, world.now_ms)
                delivery = Delivery(trace_id="ab" * 16)
                records = records_of(parsed, body, delivery, config, world.now_ms)
            with clock.of(ENGINE):
                world.append(records)
            with clock.of(VIEW):
                view.catch_up()
    return {who: ns / COUNTS[workload] / 1e3 for who, ns in clock.spent_ns.items()}


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        found = {workload: measure(workload, Path(folder)) for workload in load.WORKLOADS}
    names = [who for spent in found.values() for who in spent]
    print(f"| CPU µs per alert | {' | '.join(found)} |\n|---|{'---:|' * len(found)}")
    for who in dict.fromkeys(names):
        print(f"| {who} | {' | '.join(f'{spent.get(who, 0):.1f}' for spent in found.values())} |")
    print(f"| together | {' | '.join(f'{sum(spent.values()):.0f}' for spent in found.values())} |")


if __name__ == "__main__":
    main()
