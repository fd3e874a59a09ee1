"""Comparing: the embedded host, driven by the journal of a run on Kafka, against that run.

Equal means: every input read once and in order; the digest of every epoch; every output with its
headers and its time, as a multiset per key of each topic (of `incidents` the latest per key: how
many snapshots lie between is not its contract); every row of every task in the replay, on its
changelog and in the worker's store; and the group's offsets beside the state's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from pipeline.codec import decode
from pipeline.domain.deadletter import DeadLetter
from pipeline.domain.record import Record
from pipeline.domain.stage import Event
from pipeline.domain.store import Checkpoint
from pipeline.engine.agent import DEAD_LETTERS, INCIDENTS_TOPIC
from pipeline.engine.journal import RAISED
from pipeline.hosts.embedded.replay import Build, Replay, Replayed
from pipeline.hosts.faust.state.changelog import CHECKPOINT_KEY, decode_checkpoint
from tests.hosts.faust.differential.copied import Copied

FOREVER_MS = 2**62
SHOWN_MAX = 20
SHOWN_CHARS = 160

Rows = dict[tuple[str, str], bytes]
"""(table, key) → the bytes in the store."""

Written = tuple[bytes | None, tuple[tuple[str, str], ...], int]
"""Value, headers, timestamp of one record."""


class Held(Struct, kw_only=True):
    """What a worker's store holds of one task."""

    rows: Rows
    checkpoint: Checkpoint


class Run(Struct, kw_only=True):
    """A run on Kafka at rest: its topics, the agents that wrote them, what its workers hold, and
    what its groups have committed, by (agent, topic, partition).

    `rules` is the hash of the topology that ran last. `changelogs` gives the topic beneath each
    agent's tables. `is_read_out` is False where the workers ended with records left to read. `fed`
    are records on topics of agents that somebody else wrote, such as the dead letters of an edge.
    """

    log: Copied
    rules: str
    build: Build
    globals: Mapping[str, type[Event]]
    changelogs: Mapping[str, str]
    held: Mapping[str, Held]
    committed: Mapping[tuple[str, str, int], int]
    is_read_out: bool = True
    fed: Iterable[Record] = field(default_factory=tuple)


class Compared(Struct, kw_only=True):
    """How much was compared, and every difference that was found, each in a sentence."""

    epochs: int = 0
    outputs: int = 0
    rows: int = 0
    tasks: int = 0
    differences: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Raises AssertionError where something differs, or nothing was there to be compared."""
        found = self.differences
        shown = "\n".join(found[:SHOWN_MAX])
        assert not found, f"{len(found)} differences, among them:\n{shown}"
        assert self.epochs, "the journal is empty"
        assert self.outputs, "no output was compared"


def compare(run: Run) -> Compared:
    """Drive the engine by the run's journal and compare everything."""
    replay = Replay(run.log, run.build, run.globals, None, 0, is_dense=False)
    epochs = list(replay.run(0, FOREVER_MS))
    tasks = sorted({epoch.journal.task for epoch in epochs})
    found = Compared(epochs=len(epochs), tasks=len(tasks))
    for epoch in epochs:
        found.differences += _epoch(epoch)
    found.differences += _inputs(run, epochs)
    found.differences += _outputs(run, epochs, found)
    for task in tasks:
        found.differences += _state(run, task, *replay.state(task), found)
    for task in run.held.keys() - set(tasks):
        if run.held[task].rows:
            found.differences.append(f"{task}: its store has rows, the journal knows no epoch")
    return found


def _epoch(epoch: Replayed) -> Iterator[str]:
    journal = epoch.journal
    if not epoch.is_equal:
        yield (
            f"{journal.task}: epoch {journal.epoch} had the digest {journal.digest} and"
            f" {journal.outputs} outputs, the replay has {epoch.digest} and {len(epoch.outputs)}"
        )


def _inputs(run: Run, epochs: Iterable[Replayed]) -> Iterator[str]:
    """A journal that leaves records out, or has them twice, is replayed without a difference."""
    read: defaultdict[tuple[str, str, int], list[tuple[int, int]]] = defaultdict(list)
    for epoch in epochs:
        for one in epoch.journal.segments:
            read[epoch.journal.task, one.topic, one.partition].append((one.start, one.end))
    for (task, topic, partition), segments in read.items():
        where = f"{task}: {topic}, partition {partition}"
        position = 0
        rest = [(run.log.bounds(topic, partition)[1], FOREVER_MS)] if run.is_read_out else []
        for start, end in [*segments, *rest]:
            if start < position:
                yield f"{where}: offsets from {start} to {position} were read twice"
            elif run.log.read(topic, partition, position, 1)[:1] != run.log.read(
                topic, partition, start, 1
            ):
                yield f"{where}: offsets from {position} to {start} were not read"
            position = end
    if run.is_read_out:
        yield from _unread(run, read.keys())


def _unread(run: Run, read: Iterable[tuple[str, str, int]]) -> Iterator[str]:
    """Partitions with records that no task has ever read."""
    known = {(task.rpartition("-")[0], topic, number) for task, topic, number in read}
    for agent in run.build(run.rules, ""):
        for topic in agent.reads:
            for number in run.log.partitions(topic):
                if (agent.name, topic, number) not in known and run.log.records[topic, number]:
                    yield f"{agent.name}-{number}: {topic} was not read at all"


def _outputs(run: Run, epochs: Iterable[Replayed], found: Compared) -> Iterator[str]:
    replayed: defaultdict[tuple[str, str], list[Written]] = defaultdict(list)
    for epoch in epochs:
        for output in epoch.outputs:
            found.outputs += 1
            headers = tuple(sorted(output.headers.items()))
            value = _comparable(output.topic, output.value)
            written = (value, headers, epoch.journal.now_ms)
            replayed[output.topic, output.key].append(written)
    topics = {topic for topic, _ in replayed} | _written_topics(run, epochs)
    actual: defaultdict[tuple[str, str], list[Written]] = defaultdict(list)
    for topic in sorted(topics):
        yield from _partitions_of_keys(run.log, topic)
        for record in run.log.of(topic):
            actual[topic, record.key].append(_written(record))
    for record in run.fed:
        if record.topic in topics:
            replayed[record.topic, record.key].append(_written(record))
    for topic, key in sorted(replayed.keys() | actual.keys()):
        then, now = actual[topic, key], replayed[topic, key]
        if topic == INCIDENTS_TOPIC:
            then, now = then[-1:], now[-1:]
        yield from _records(f"{topic}, key {key!r}", Counter(then), Counter(now))


def _written_topics(run: Run, epochs: Iterable[Replayed]) -> set[str]:
    """Every topic that an agent of the run may write: one on which nothing ought to stand, too."""
    rules = {(epoch.journal.topology, epoch.journal.slot) for epoch in epochs}
    agents = [agent for one in rules for agent in run.build(*one)]
    return {DEAD_LETTERS} | {topic for agent in agents for topic in agent.writes}


def _partitions_of_keys(log: Copied, topic: str) -> Iterator[str]:
    """A key has one partition; the order of what belongs together hangs on it."""
    seen: dict[str, int] = {}
    for record in log.of(topic):
        if seen.setdefault(record.key, record.partition) != record.partition:
            at = f"partitions {seen[record.key]} and {record.partition}"
            yield f"{topic}, key {record.key!r}: it stands on {at}"


def _records(where: str, then: Counter[Written], now: Counter[Written]) -> Iterator[str]:
    for written, count in (then - now).items():
        yield f"{where}: {count} × on Kafka alone: {_shown(written)}"
    for written, count in (now - then).items():
        yield f"{where}: {count} × in the replay alone: {_shown(written)}"


def _written(record: Record) -> Written:
    headers = tuple(sorted(record.headers.items()))
    return _comparable(record.topic, record.value), headers, record.timestamp_ms


def _comparable(topic: str, value: bytes | None) -> bytes | None:
    """Of a dead letter that stands for an exception only its id, as in an epoch's digest: a
    traceback names the files of one installation.
    """
    if topic == DEAD_LETTERS and value is not None:
        letter = decode(DeadLetter, value)
        if letter.reason == RAISED:
            return letter.dead_letter_id.encode()
    return value


def _state(
    run: Run, task: str, rows: Rows, checkpoint: Checkpoint, found: Compared
) -> Iterator[str]:
    """The rows of one task three times, its checkpoint as often, and the group's offsets."""
    agent, _, number = task.rpartition("-")
    folded, by_log = fold(run.log.records[run.changelogs[agent], int(number)])
    found.rows += len(rows)
    yield from _rows(task, "the changelog", folded, rows)
    yield from _values(task, "the changelog's checkpoint", by_log, checkpoint)
    held = run.held.get(task)
    if held is None:
        yield f"{task}: no worker holds it"
    else:
        yield from _rows(task, "the worker's store", held.rows, rows)
        yield from _values(task, "the store's checkpoint", held.checkpoint, checkpoint)
    for place, offset in checkpoint.offsets.items():
        topic, _, partition = place.rpartition(":")
        by_group = run.committed.get((agent, topic, int(partition)), -1)
        yield from _values(task, f"the group's offset of {place}", by_group, offset)


def fold(changelog: Iterable[Record]) -> tuple[Rows, Checkpoint]:
    """The latest value of each row on one partition of a changelog, and the checkpoint there."""
    rows: Rows = {}
    checkpoint = Checkpoint()
    for record in changelog:
        if record.key.encode() == CHECKPOINT_KEY:
            checkpoint = decode_checkpoint(record.value or b"")
            continue
        table, _, key = record.key.partition("\0")
        if record.value is None:
            rows.pop((table, key), None)
        else:
            rows[table, key] = record.value
    return rows, checkpoint


def _rows(task: str, whose: str, then: Rows, now: Rows) -> Iterator[str]:
    for table, key in sorted(then.keys() | now.keys()):
        before, after = then.get((table, key)), now.get((table, key))
        if before != after:
            told = f"{_cut(before)}, the replay {_cut(after)}"
            yield f"{task}: table {table}, key {key!r}: {whose} has {told}"


def _values(task: str, whose: str, then: Any, now: Any) -> Iterator[str]:
    if then != now:
        yield f"{task}: {whose} is {_cut(then)}, the replay's {_cut(now)}"


def _shown(written: Written) -> str:
    value, headers, at_ms = written
    return f"{_cut(value)} with {dict(headers)} at {at_ms}"


def _cut(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
