"""Trial: what a script needs: a World, orders by the piece, waiting, and the verdict at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from msgspec.structs import replace

from tests.crash.kafka.crew import KILLED
from tests.crash.kafka.feed import Feed
from tests.crash.kafka.oracle import Complaint
from tests.crash.kafka.proxy import Armed, Fault
from tests.crash.kafka.suite import come_to_rest, evidence, wanted
from tests.crash.kafka.verdict import judge
from tests.crash.kafka.world import APP, World

KEYS: Final = 60
SEED: Final = 5
STEP_S: Final = 60.0


class Trial:
    """One scripted run, of the engine as it is or of a mutant of it. Orders come in portions."""

    def __init__(self, folder: Path, session_s: float = 6.0) -> None:
        self.session_s = session_s
        self.world = World(folder, partitions=2, session_timeout_ms=int(session_s * 1_000))
        self._pause = threading.Event()
        self._feed: Feed | None = None
        self.ordered = 0

    def __enter__(self) -> Self:
        self.world.__enter__()
        self.watching = self.world.watch()
        return self

    def __exit__(self, *_: object) -> None:
        self.world.__exit__()

    def worker(self, name: str, mutants: Sequence[str] = (), **told: Any) -> None:
        """Start a worker, and wait until it is ready."""
        self.world.add_worker(name, mutants=tuple(mutants), **told)
        self.until(lambda: self.world.crew.is_ready(name), f"{name} is ready")

    def order(self, count: int) -> None:
        """Put so many more orders on the topic, at once."""
        if self._feed is None:
            self._feed = self.world.feed = Feed(self.world.bootstrap, seed=SEED, keys=KEYS)
        self.ordered = self._feed.more(count)

    def is_through(self, *topics: str) -> bool:
        """Whether everything ordered has come to these topics (none: to all)."""
        return not wanted(SEED, self.ordered, KEYS).lacking(self.watching, topics)

    def settle(self) -> None:
        """Wait until everything ordered is through both agents, and no wake is left that could
        make an epoch of its own.
        """
        self.until(self.is_through, f"{self.ordered} orders are through")

    def until(self, condition: Callable[[], object], what: str, within_s: float = STEP_S) -> None:
        """Wait for a condition. Raises Stuck after the deadline."""
        if not self.wait(condition, within_s):
            raise Stuck(f"not within {within_s} s: {what}")

    def wait(self, condition: Callable[[], object], within_s: float) -> bool:
        """Wait for a condition so long, whether it comes or not."""
        give_up_at_s = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > give_up_at_s:
                return False
            self._pause.wait(0.01)
        return True

    def wait_till(self, at_s: float) -> None:
        """Wait for an instant of the monotonic clock: what is timed here is the broker."""
        self._pause.wait(max(0.0, at_s - time.monotonic()))

    def arm(self, fault: Fault) -> list[Armed]:
        """Let a fault wait."""
        return self.world.proxies.arm(fault)

    def silence(self, name: str) -> float:
        """Let no heartbeat of a worker through any more; when the first was held back."""
        self.arm(
            Fault(
                action="hold",
                api="Heartbeat",
                side="request",
                client=f"{name}/",
                times=10**6,
                hold_s=600,
            )
        )
        self.until(lambda: self.held("Heartbeat"), "a heartbeat is held back")
        return time.monotonic()

    def held(self, api: str) -> int:
        """How many frames of an API were held back."""
        return sum(hit.asked.api == api for hit in self.world.proxies.hits())

    def has_taken_over(self, name: str, agent: str) -> bool:
        """Whether the present process of a worker runs an agent's tasks."""
        said = self.world.crew.members[name].said()
        return any("takes over" in line and f"agent={agent}" in line for line in said)

    def halt_at(self, name: str, point: str) -> None:
        """Have a worker halt itself when it next comes to a point."""
        self.world.crew.order(name, f"{point}:1:stop")

    def is_halted(self, name: str) -> bool:
        """Whether it has."""
        return self.world.crew.members[name].is_halted()

    def die_at(self, name: str, point: str) -> None:
        """Have a worker die when it next comes to a point, with orders for that; wait for it."""
        pid = self.world.crew.pid(name)
        self.world.crew.order(name, f"{point}:1:exit")
        self.order(200)
        self.until(lambda: self.world.crew.pid(name) != pid, f"{name} dies at {point}")

    def limit(self, topic: str, size_bytes: int) -> None:
        """Let a topic take no larger batches than this."""
        wanted_config = ConfigResource(
            ConfigResource.Type.TOPIC, topic, set_config={"max.message.bytes": str(size_bytes)}
        )
        admin = AdminClient({"bootstrap.servers": self.world.bootstrap})
        admin.alter_configs([wanted_config])[wanted_config].result(30)

    def verdict(self, rest_s: float = 40.0) -> list[Complaint]:
        """Heal everything, let the stream come to rest, and judge."""
        self.world.proxies.heal()
        for name, member in self.world.crew.members.items():
            if self.is_halted(name):
                member.start = replace(member.start, crash="")
                self.world.crew.kill(name)
        complaints = come_to_rest(
            self.world, wanted(SEED, self.ordered, KEYS), self.watching, rest_s
        )
        left, unheld = evidence(self.world, self.watching, self.world.partitions, held_s=15)
        complaints += unheld + judge(self.world.broker, APP, left, self.ordered)
        refusals = {
            end.last
            for end in self.world.crew.ended
            if end.code not in KILLED and "StoreError" in end.last
        }
        return complaints + [Complaint("refused", f"refused: {text}") for text in refusals]


class Stuck(AssertionError):
    """A script did not get on."""
