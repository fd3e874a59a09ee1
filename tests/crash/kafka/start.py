"""Start: what a worker of a crash test is told, as one JSON argument; and its signs of life."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct


class Start(Struct, frozen=True, kw_only=True):
    """One worker process.

    `crash` is "" or `point:nth:how`: at the nth time that an epoch comes to the point, `exit` ends
    the process as kill -9 does, `stop` halts it as SIGSTOP does. One that `is_leaving` gives its
    partitions away when it is stopped. `mutants` are names of `mutants.py`. `jump` is the file
    whose number of seconds is added to the wall clock.
    """

    bootstrap: str
    app: str
    name: str
    folder: str
    agents: tuple[str, ...] = ("fold", "sum")
    crash: str = ""
    mutants: tuple[str, ...] = ()
    store: str = "rocksdb"
    session_timeout_ms: int = 6_000
    is_leaving: bool = False
    jump: str = ""
    topology: str = ""
    events_url: str = ""

    def arguments(self) -> list[str]:
        """Of the process."""
        return ["-m", "tests.crash.kafka.worker", msgspec.json.encode(self).decode()]

    @property
    def order(self) -> Path:
        """Where an order to crash stands for a worker that runs; SIGUSR2 has it read."""
        return Path(f"{self.folder}.order")

    @property
    def dump(self) -> Path:
        """Where the worker writes its Dump when it is sent SIGUSR1."""
        return Path(f"{self.folder}.dump")


class Dump(Struct):
    """What a worker holds at rest: per agent its partitions, and their rows as (partition, key as
    on the changelog, value); and what it says of its lag, in records.
    """

    held: dict[str, list[int]]
    rows: dict[str, list[tuple[int, bytes, bytes]]]
    lags: dict[str, int]


def parse(argument: str) -> Start:
    """The Start in a process's argument."""
    return msgspec.json.decode(argument, type=Start)
