"""Chain: some stages on the real Task over a memory store, with a clock moved by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.codec import decode, encode
from pipeline.domain.alert import Alert
from pipeline.domain.call import CallResult
from pipeline.domain.catalog import Change
from pipeline.domain.command import Command
from pipeline.domain.notification import Notification, Receipt
from pipeline.domain.outcome import Outcome
from pipeline.domain.raw import RawAlert
from pipeline.domain.record import Record
from pipeline.domain.stage import Event, Stage, TableSpec
from pipeline.domain.store import Output
from pipeline.domain.units import Duration
from pipeline.engine import Agent, Effects, Globals, MemoryStore, Task

READS: Mapping[str, type[Event]] = {
    "raw-alerts": RawAlert,
    "alerts": Alert,
    "commands": Command,
    "receipts": Receipt,
    "notifications": Notification,
    "changes": Change,
    "outcomes": Outcome,
}
WRITES = ("alerts", "incidents", "notifications", "receipts", "audit", "outcomes", "models")
START_MS = 1_700_000_000_000


class Chain:
    """`send` runs one epoch with one record; `outputs` drains what was emitted to a topic."""

    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        writes: Sequence[str] = WRITES,
        lookups: Mapping[str, Mapping[str, Any]] | None = None,
        now_ms: int = START_MS,
    ) -> None:
        lookups = lookups or {}
        self.now_ms = now_ms
        self.store = MemoryStore()
        self.globals = Globals({name: type(None) for name in lookups})  # type: ignore[misc]
        self.agent = Agent(
            name="test",
            stages=tuple(stages),
            reads=READS,
            writes=tuple(writes),
            looks_up=tuple(lookups),
            topology="test",
        )
        self.reasons: dict[str, int] = {}
        self.touched: dict[str, dict[str, Any]] = {}
        self._offsets: dict[str, int] = {}
        self._outputs: list[Output] = []
        self.restart()
        for name, rows in lookups.items():
            for key, value in rows.items():
                self.set_global(name, key, value)

    def restart(self, *stages: Stage) -> None:
        """Go on from the committed state with a new Task, and other stages if given."""
        agent = self.agent
        if stages:
            agent = Agent(
                name=agent.name,
                stages=stages,
                reads=agent.reads,
                writes=agent.writes,
                looks_up=agent.looks_up,
                topology=agent.topology,
            )
        self.task = Task(agent, 0, self.store, self.globals)

    def set_global(self, name: str, key: str, value: Event | None) -> None:
        """Put one row into a global, as its compacted topic would; None removes it."""
        self.globals.apply(
            Record(
                topic=name,
                partition=0,
                offset=self.globals.versions[name],
                key=key,
                value=None if value is None else b"",
                event=value,
            )
        )

    def record(
        self,
        topic: str,
        key: str,
        event: Event | bytes,
        headers: Mapping[str, str] | None = None,
        at_ms: int | None = None,
    ) -> Record:
        """The next record of a topic; encoded as a host would, so that codecs are exercised."""
        offset = self._offsets.get(topic, 0)
        self._offsets[topic] = offset + 1
        return Record(
            topic=topic,
            partition=0,
            offset=offset,
            key=key,
            value=event if isinstance(event, bytes) else encode(event),
            headers=dict(headers or {}),
            timestamp_ms=self.now_ms if at_ms is None else at_ms,
        )

    def run(self, batch: Sequence[Record]) -> Effects:
        """One epoch: run, commit, remember."""
        effects = self.task.run(batch, self.now_ms)
        self.store.write(effects.changes, effects.checkpoint)
        self.task.committed()
        self._outputs.extend(effects.outputs)
        for name, count in effects.reasons.items():
            self.reasons[name] = self.reasons.get(name, 0) + count
        for table, rows in effects.touched.items():
            self.touched.setdefault(table, {}).update(rows)
        return effects

    def send(
        self,
        topic: str,
        key: str,
        event: Event | bytes,
        headers: Mapping[str, str] | None = None,
        at_ms: int | None = None,
    ) -> Effects:
        """One epoch with one record."""
        return self.run([self.record(topic, key, event, headers, at_ms)])

    def result(self, result: CallResult) -> Effects:
        """One epoch with what a delivery loop brought back."""
        record = Record(
            topic="results", partition=0, offset=0, key=result.key, value=b"-", event=result
        )
        return self.run([record])

    def advance(self, by: str | int) -> None:
        """Move the clock, running each due wake at its own instant on the way."""
        until = self.now_ms + (Duration.parse(by) if isinstance(by, str) else by)
        while self.task.next_due_ms <= until:
            self.now_ms = max(self.now_ms, self.task.next_due_ms)
            self.run([])
        self.now_ms = until

    def outputs(self, topic: str) -> list[Any]:
        """Drain what was emitted to a topic, decoded from its bytes (None: a tombstone)."""
        drained = [output for output in self._outputs if output.topic == topic]
        self._outputs = [output for output in self._outputs if output.topic != topic]
        kinds: list[Any] = [type(output.event) for output in drained]
        return [
            None if output.value is None else decode(kind, output.value)
            for output, kind in zip(drained, kinds, strict=True)
        ]

    def table(self, spec: TableSpec[Any]) -> dict[str, Any]:
        """The committed rows of one table."""
        return self.task.rows(spec.name)
