"""Driver: the embedded host on `:memory:` with a clock moved by hand.

Stories, backtests and the differential test drive the same host that runs in production:
`send` an event, `advance` the time, `read` a topic, look into a `table`. Calls to receivers are
answered by a function; without one each call is delivered at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pipeline.codec import decode, encode
from pipeline.domain.call import CallResult
from pipeline.domain.raw import RawAlert
from pipeline.domain.sink import Delivered
from pipeline.domain.stage import Event
from pipeline.domain.store import Output
from pipeline.domain.units import Duration
from pipeline.engine import Agent
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.host import EmbeddedHost

START_MS = 1_750_000_000_000
Answer = Callable[[str, Any], CallResult | None]
"""From (key, outbox entry) to what its receiver answers; None: no answer comes."""


def delivered(key: str, entry: Any) -> CallResult:
    """The receiver that takes everything."""
    return CallResult(key=key, attempt=entry.attempt, delivered=Delivered(ref=key, status=202))


class Driver:
    """One world in memory. `types` gives the type of each topic's values, for `read`."""

    def __init__(
        self,
        agents: Sequence[Agent],
        *,
        types: Mapping[str, type[Event]],
        globals_: Iterable[str],
        answer: Answer = delivered,
        start_ms: int = START_MS,
    ) -> None:
        self.now_ms = start_ms
        self.answer = answer
        self.calls: list[tuple[int, str, Any]] = []
        self._types = types
        self._pending: list[tuple[str, CallResult]] = []
        self._offsets: dict[str, int] = {}
        self.host = EmbeddedHost(
            connect(":memory:"),
            agents,
            topics=types,
            globals_={name: types[name] for name in globals_},
            now_ms=lambda: self.now_ms,
        )
        self.host.watch("outbox", self._call)

    def send(
        self,
        topic: str,
        key: str,
        value: Event | bytes | None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Append one record and run until nothing is left to do at this instant."""
        raw = encode(value) if isinstance(value, Event) else value
        event = value if isinstance(value, Event) else None
        self.append(
            [Output(topic=topic, key=key, value=raw, headers=dict(headers or {}), event=event)]
        )

    def append(self, outputs: Sequence[Output]) -> None:
        """Append records together and run until nothing is left to do at this instant."""
        self.host.step(outputs)
        self.settle()

    def settle(self) -> None:
        """Run until nothing is left to do at this instant, calls and their answers included."""
        is_more = True
        while is_more or self._pending:
            pending, self._pending = self._pending, []
            for task, result in pending:
                self.host.inject(task, result)
            _, is_more = self.host.step()

    def advance(self, by: str | int) -> None:
        """Move the clock; each wake on the way runs at its own instant."""
        until = self.now_ms + (Duration.parse(by) if isinstance(by, str) else by)
        while self.host.next_due_ms() <= until:
            self.now_ms = max(self.now_ms, self.host.next_due_ms())
            self.settle()
        self.now_ms = until
        self.settle()

    def read(self, topic: str) -> list[Any]:
        """The events that came onto a topic since the last `read` of it, bytes of
        `raw-alerts`; None: a tombstone.
        """
        kind = self._types[topic]
        records = list(self.host.log.scan(topic, 0, self._offsets.get(topic, 0)))
        if records:
            self._offsets[topic] = records[-1].offset + 1
        if kind is RawAlert:
            return [record.value for record in records]
        return [None if r.value is None else decode(kind, r.value) for r in records]

    def table(self, name: str) -> dict[str, Any]:
        """The committed rows of one table, whichever task has it."""
        rows: dict[str, Any] = {}
        for task in self.host.tasks():
            if task.has_table(name):
                rows.update(task.rows(name))
        return rows

    def _call(self, task: str, rows: Mapping[str, Any]) -> None:
        for key, entry in rows.items():
            if entry is not None and entry.state == "calling":
                self.calls.append((self.now_ms, key, entry))
                answer = self.answer(key, entry)
                if answer is not None:
                    self._pending.append((task, answer))
