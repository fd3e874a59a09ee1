"""Suite: one run from its seed to its verdict. The seed is said first; it replays the schedule."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tests.crash.kafka import oracle
from tests.crash.kafka.crew import KILLED
from tests.crash.kafka.faults import Faults
from tests.crash.kafka.feed import Feed
from tests.crash.kafka.oracle import Complaint
from tests.crash.kafka.orders import orders
from tests.crash.kafka.reading import Watching
from tests.crash.kafka.schedule import Numbers, schedule
from tests.crash.kafka.start import Dump
from tests.crash.kafka.verdict import Evidence, flows, judge, topics
from tests.crash.kafka.world import APP, World
from tests.wait import wait_until

REST_S: Final = 60.0
"""After the last fault the stream comes to rest; what does not get on for so long is stuck."""

HELD_S: Final = 45.0
"""A rebalance after the last fault is over within so long."""

HANGING_S: Final = 15.0
"""So long after the transaction timeout no transaction is open any more."""


class Plan(Struct, frozen=True, kw_only=True):
    """How large a run is."""

    seed: int
    events: int = 60_000
    keys: int = 2_000
    rate_per_s: float = 250.0
    workers: int = 2
    nodes: int = 1
    partitions: int = 4
    session_timeout_ms: int = 6_000
    numbers: Numbers = Numbers()


class Outcome(Struct, kw_only=True):
    """What came of a run."""

    seed: int
    events: int
    complaints: list[Complaint]
    done: dict[str, int]
    missed: list[str]
    exits: dict[str, int]
    took_s: float
    rested_s: float

    @property
    def is_good(self) -> bool:
        """Nothing to complain about."""
        return not self.complaints


def say(what: str) -> None:
    """One line of the run's own log."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


class Wanted(Struct, frozen=True):
    """How much a run must leave on each topic, counted from its orders."""

    counts: dict[str, int]

    def lacking(self, watching: Watching, topics: Sequence[str] = ()) -> dict[str, int]:
        """By topic, of these or of all, how much is not there yet."""
        return {
            topic: self.counts[topic] - watching.count(topic)
            for topic in topics or self.counts
            if watching.count(topic) < self.counts[topic]
        }


def wanted(seed: int, events: int, keys: int) -> Wanted:
    """What these orders must come to."""
    kinds = Counter(
        msgspec.json.decode(value).get("kind", "plain")
        for _, value in islice(orders(seed, keys), events)
    )
    rows = kinds["plain"] + kinds["wake"]
    return Wanted(
        {
            "orders": events,
            "rows": rows,
            "sums": rows,
            "fired": kinds["wake"],
            "dead-letters": kinds["poison"] + kinds["bad"],
        }
    )


def evidence(
    world: World, watching: Watching, partitions: int, held_s: float = HELD_S
) -> tuple[Evidence, list[Complaint]]:
    """What the workers hold, once every partition of every agent is held by one of them."""
    found: list[Dump] = []
    give_up_at_s = time.monotonic() + held_s
    held = 0

    def complete() -> bool:
        nonlocal held
        found[:] = world.crew.dumps()
        held = sum(len(dump.held.get(flow.agent, ())) for flow in flows(APP) for dump in found)
        return held == partitions * len(flows(APP)) or time.monotonic() > give_up_at_s

    wait_until(complete, what="each partition has its worker", deadline_s=held_s + 60)
    complaints = []
    if held != partitions * len(flows(APP)):
        complaints.append(Complaint("held", f"held: the workers hold {held} partitions at rest"))
    left = Evidence(
        seen=watching.finish(),
        samples=watching.samples,
        dumps={
            flow.agent: [
                {(partition, key): value for partition, key, value in dump.rows.get(flow.agent, ())}
                for dump in found
            ]
            for flow in flows(APP)
        },
        lags=dict(sum((Counter(dump.lags) for dump in found), Counter())),
    )
    return left, complaints


def come_to_rest(
    world: World, want: Wanted, watching: Watching, rest_s: float = REST_S
) -> list[Complaint]:
    """Wait until all is done and no transaction is open; what speaks against it."""
    since_s, before = time.monotonic(), (-1, -1)

    def is_over() -> bool:
        nonlocal since_s, before
        ready = sum(world.crew.is_ready(name) for name in world.crew.members)
        now = (sum(watching.count(topic) for topic in want.counts), ready)
        if now != before:
            since_s, before = time.monotonic(), now
        return not want.lacking(watching) or time.monotonic() > since_s + rest_s

    wait_until(is_over, what="the stream comes to rest", deadline_s=REST_S * 10)
    lacking = want.lacking(watching)
    partitions = world.broker.partitions(topics(APP))
    hanging_until_s = time.monotonic() + world.session_timeout_ms / 1_000 + HANGING_S
    wait_until(
        lambda: (
            not oracle.check_ended(world.broker.ends(partitions))
            or time.monotonic() > hanging_until_s
        ),
        what="no transaction is open",
        deadline_s=60,
    )
    if not lacking:
        return []
    return [Complaint("stuck", f"stuck: nothing came for {rest_s:.0f} s, and there lack {lacking}")]


def run(plan: Plan, folder: Path, say: Callable[[str], None] = say) -> Outcome:
    """One run. Raises where the harness itself fails."""
    say(f"seed {plan.seed}")
    started_s = time.monotonic()
    steps = schedule(
        plan.seed,
        plan.numbers,
        workers=plan.workers,
        session_s=plan.session_timeout_ms / 1_000,
    )
    with World(
        folder,
        nodes=plan.nodes,
        partitions=plan.partitions,
        session_timeout_ms=plan.session_timeout_ms,
        disk_of=plan.workers if plan.numbers.full_disks else 0,
    ) as world:
        watching = world.watch()
        for number in range(plan.workers):
            world.add_worker(f"slot{number}")
        world.feed = Feed(world.bootstrap, seed=plan.seed, keys=plan.keys)
        world.feed.run(plan.events, plan.rate_per_s)
        faults = Faults(world, lambda: watching.count("sums"))
        faults.run(steps, say)
        events = world.feed.finish(deadline_s=plan.events / plan.rate_per_s + 60)
        want = wanted(plan.seed, events, plan.keys)
        rest_from_s = time.monotonic()
        complaints = come_to_rest(world, want, watching)
        rested_s = time.monotonic() - rest_from_s
        left, unheld = evidence(world, watching, plan.partitions)
        complaints += unheld
        complaints += judge(world.broker, APP, left, events)
        complaints += _unclean(world.crew.close())
        exits = Counter(
            "killed" if end.code in KILLED else end.last or f"exit {end.code}"
            for end in world.crew.ended
        )
    for complaint in complaints:
        say(complaint.text)
    return Outcome(
        seed=plan.seed,
        events=events,
        complaints=complaints,
        done=dict(faults.done),
        missed=faults.missed,
        exits=dict(exits),
        took_s=time.monotonic() - started_s,
        rested_s=rested_s,
    )


def _unclean(codes: dict[str, int]) -> list[Complaint]:
    bad = {name: code for name, code in codes.items() if code}
    return [Complaint("exit", f"exit: SIGTERM at rest ended workers with {bad}")] if bad else []
