"""KafkaDriver: a worker on Kafka with a clock moved by hand, driven as hosts.embedded.Driver is.

Every step waits until nothing is left to do at its instant: all that was written is read, no wake
is due, no answer waits, no epoch is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, Self

from msgspec import Struct

from pipeline.app import compose
from pipeline.codec import decode, encode
from pipeline.domain.call import CallResult
from pipeline.domain.raw import RawAlert
from pipeline.domain.record import Record
from pipeline.domain.stage import Event
from pipeline.domain.store import Output, Store
from pipeline.domain.units import Duration
from pipeline.engine import Agent, Globals
from pipeline.hosts.embedded.driver import START_MS, Answer, delivered
from pipeline.hosts.faust.client.transactions import EpochProducer
from pipeline.hosts.faust.setting import Setting
from pipeline.hosts.faust.stream.hosted import Hosted
from pipeline.hosts.faust.worker import Worker
from pipeline.topology.declared import Topology
from tests.hosts.faust.differential.comparing import Held, Rows
from tests.hosts.faust.differential.copied import Copying
from tests.hosts.faust.differential.feeding import Feeding
from tests.hosts.faust.differential.loop import Loop
from tests.hosts.faust.differential.place import Place
from tests.wait import wait_until_async

SLOT: Final = "one"
SETTLED_S: Final = 60.0
SESSION_MS: Final = 60_000
"""Half of it may pass until an epoch is committed: a busy machine must not end a story."""

LAST: Final = "\U0010ffff" * 8

At = tuple[str, int]
"""(topic, partition)."""


class Ends:
    """Where every partition ends, by the word of whoever wrote last: markers do not count."""

    def __init__(self) -> None:
        self.ends: dict[At, int] = {}

    def reaches(self, at: At, end: int) -> None:
        """A record stands before this offset."""
        self.ends[at] = max(end, self.ends.get(at, 0))

    def landed(self, record: Record) -> None:
        """Somebody else has written a record."""
        self.reaches((record.topic, record.partition), record.offset + 1)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While inside, note where each transaction's records came to lie."""
        commit: Any = EpochProducer.commit

        async def noting(producer: Any, *arguments: Any) -> Any:
            last = await commit(producer, *arguments)
            for at, offset in last.items():
                self.reaches(at, offset + 1)
            return last

        patched: Any = EpochProducer
        patched.commit = noting
        try:
            yield
        finally:
            patched.commit = commit


class Scene(Struct, kw_only=True):
    """Where a driver plays. `store` is where its worker's tables stand."""

    place: Place
    loop: Loop
    topology: Topology
    folder: Path
    store: Literal["rocksdb", "memory"] = "rocksdb"
    start_ms: int = START_MS


class KafkaDriver:
    """One world on Kafka. `with` starts its worker, and stops it at the end."""

    def __init__(self, scene: Scene, agents: Sequence[Agent], answer: Answer = delivered) -> None:
        self.now_ms = scene.start_ms
        self.answer = answer
        self._scene = scene
        self._agents = agents
        self._types = compose.event_types(scene.topology)
        self._read: dict[str, int] = {}
        self._ends = Ends()
        self._watching = self._ends.watching()

    def __enter__(self) -> Self:
        scene = self._scene
        topics = scene.place.begin(scene.topology)
        bootstrap = scene.place.bootstrap
        self.copying = Copying(bootstrap, topics)
        self.feeding = Feeding(bootstrap, self._ends.landed)
        self._watching.__enter__()
        scene.loop.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._scene.loop.run(self.worker.stop())
        finally:
            self._watching.__exit__(None, None, None)
            self.copying.close()

    def send(
        self,
        topic: str,
        key: str,
        value: Event | bytes | None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Write one record and wait until nothing is left to do at this instant."""
        raw = encode(value) if isinstance(value, Event) else value
        self.append([Output(topic=topic, key=key, value=raw, headers=dict(headers or {}))])

    def append(self, outputs: Sequence[Output]) -> None:
        """Write records and wait until nothing is left to do at this instant."""
        self.feeding.write(outputs, self.now_ms)
        self.settle()

    def settle(self) -> None:
        """Wait until nothing is left to do at this instant, calls and their answers included."""
        self._scene.loop.run(self._settle())

    def advance(self, by: str | int) -> None:
        """Move the clock; each wake on the way runs at its own instant."""
        until = self.now_ms + (Duration.parse(by) if isinstance(by, str) else by)
        while (due_ms := self._next_due_ms()) <= until:
            self.now_ms = max(self.now_ms, due_ms)
            self.settle()
        self.now_ms = until
        self.settle()

    def restart(self, agents: Sequence[Agent], down_ms: int = 0) -> None:
        """End the worker in order, and start another run of it over the same slot."""
        self._agents = agents
        self._scene.loop.run(self.worker.stop())
        self.now_ms += down_ms
        self._scene.loop.run(self._start())
        self.settle()

    def read(self, topic: str) -> list[Any]:
        """The events that came onto a topic since the last `read` of it, bytes of
        `raw-alerts`; None: a tombstone.
        """
        kind = self._types[topic]
        records = list(self.copying.catch_up().of(topic))
        since, self._read[topic] = self._read.get(topic, 0), len(records)
        if kind is RawAlert:
            return [record.value for record in records[since:]]
        return [None if r.value is None else decode(kind, r.value) for r in records[since:]]

    def table(self, name: str) -> dict[str, Any]:
        """The committed rows of one table, whichever tasks have it."""
        rows: dict[str, Any] = {}
        for hosted in self._hosted():
            if hosted.task.has_table(name):
                rows.update(hosted.task.rows(name))
        return rows

    def held(self) -> dict[str, Held]:
        """What the worker's stores hold of each of its tasks."""
        return {hosted.task.name: holding(hosted) for hosted in self._hosted()}

    async def _start(self) -> None:
        scene, topology = self._scene, self._scene.topology
        setting = Setting(
            app=topology.app,
            options={"bootstrap_servers": scene.place.bootstrap},
            folder=scene.folder,
            slot_id=SLOT,
            globals={name: self._types[name] for name in compose.global_topics(topology)},
            store=scene.store,
            session_timeout_ms=SESSION_MS,
            heartbeat_ms=1_000,
        )
        self.worker = Worker(setting, self._agents, lambda: self.now_ms)
        self.worker.watch("outbox", self._call)
        await self.worker.start()
        self._check()

    async def _settle(self) -> None:
        for app in self.worker.apps.values():
            app.epochs._nudge.set()
        await wait_until_async(self._is_idle, what="the worker is idle", deadline_s=SETTLED_S)

    def _is_idle(self) -> bool:
        self._check()
        self.worker.prepare()
        return self._has_globals(self.worker.globals) and all(
            app.epochs.tasks
            and not app.epochs._lock.locked()
            and all(self._is_done(hosted) for hosted in app.epochs.tasks.values())
            for app in self.worker.apps.values()
        )

    def _has_globals(self, known: Globals) -> bool:
        return all(
            version >= self._ends.ends.get((topic, 0), 0)
            for topic, version in known.versions.items()
        )

    def _is_done(self, hosted: Hosted) -> bool:
        return (
            not hosted.results
            and hosted.task.next_due_ms > self.now_ms
            and all(
                offset >= self._ends.ends.get((topic, hosted.partition), 0)
                for topic, offset in hosted.following.items()
            )
        )

    def _check(self) -> None:
        if self.worker.ended.done():
            self.worker.ended.result()

    def _next_due_ms(self) -> int:
        return min(hosted.task.next_due_ms for hosted in self._hosted())

    def _hosted(self) -> list[Hosted]:
        return [hosted for app in self.worker.apps.values() for hosted in app.epochs.tasks.values()]

    def _call(self, task: str, rows: Mapping[str, Any]) -> None:
        for key, entry in rows.items():
            if entry is not None and entry.state == "calling":
                answer: CallResult | None = self.answer(key, entry)
                if answer is not None:
                    self.worker.inject(task, answer)


def holding(hosted: Hosted) -> Held:
    """All rows of a task as they stand in its store."""
    tables = [table.name for table in hosted.task._all_tables()]
    rows = rows_of(hosted.store, tables)
    return Held(rows=rows, checkpoint=hosted.store.checkpoint())


def rows_of(store: Store, tables: Iterable[str]) -> Rows:
    """The rows of these tables in a store."""
    return {(table, key): value for table in tables for key, value in store.scan(table, "", LAST)}
