"""The comparison finds what it is there for: each kind of difference, put into a sound run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.app import compose
from pipeline.codec import decode, encode
from pipeline.domain.journal import JournalRecord, Segment
from pipeline.domain.record import Record
from pipeline.domain.store import Checkpoint
from pipeline.engine import Agent
from pipeline.hosts.embedded.driver import Driver
from pipeline.hosts.embedded.replay import NoWayBack, Replay
from pipeline.hosts.faust.state.changelog import CHECKPOINT_KEY, changelog_key, encode_checkpoint
from tests.hosts.embedded.test_replay import topology
from tests.hosts.faust.differential.comparing import Held, Run, compare
from tests.hosts.faust.differential.copied import Copied

TOPOLOGY = topology()
TYPES = compose.event_types(TOPOLOGY)
GLOBALS = {name: TYPES[name] for name in compose.global_topics(TOPOLOGY)}
CHANGELOGS = {name: f"{name}-changelog" for name in TOPOLOGY.agents}
FED = ("raw-alerts", "commands")
"""Ids derive from offsets on these; on all others transactions leave holes."""


def build(_hash: str, slot: str) -> Sequence[Agent]:
    return compose.agents(TOPOLOGY, compose.wiring(TOPOLOGY, "inst0000", slot=slot))


def sound() -> Run:
    """A run as it would stand on Kafka: offsets with holes, changelogs, stores, group offsets."""
    log, held, committed = played(), {}, {}
    replay = Replay(log, build, GLOBALS, None, 0, is_dense=False)
    tasks = {epoch.journal.task: "" for epoch in replay.run(0, 2**62)}
    for task in tasks:
        agent = task.removesuffix("-0")
        rows, checkpoint = replay.state(task)
        held[task] = Held(rows=rows, checkpoint=checkpoint)
        log.records[CHANGELOGS[agent], 0] = changelog(agent, rows, checkpoint)
        for at, offset in checkpoint.offsets.items():
            committed[agent, at.removesuffix(":0"), 0] = offset
    return Run(
        log=log,
        rules="",
        build=build,
        globals=GLOBALS,
        changelogs=CHANGELOGS,
        held=held,
        committed=committed,
    )


def played() -> Copied:
    """What some alerts left behind on the topics, spread as transactions spread it."""
    driver = Driver(build("", "slot1"), types=TYPES, globals_=GLOBALS)
    for name, status in (("A", "firing"), ("B", "firing"), ("A", "resolved"), ("C", "firing")):
        body = json.dumps({"name": name, "status": status, "service": name}).encode()
        driver.send("raw-alerts", "", body, {"format": "native"})
        driver.advance("1m")
    driver.send("raw-alerts", "", b"{", {"format": "native"})
    log = Copied()
    for topic in driver.host.log.topics():
        records = list(driver.host.log.scan(topic, 0))
        if topic not in FED:
            records = [replace(record, offset=record.offset * 2) for record in records]
        if topic == "journal":
            records = [replace(record, value=spread(record)) for record in records]
        log.records[topic, 0] = records
    return log


def spread(record: Record) -> bytes:
    """A journal record whose segments lie where the records they name have gone."""
    journal = decode(JournalRecord, record.value or b"")
    segments = tuple(
        one
        if one.topic in FED
        else Segment(one.topic, one.partition, one.start * 2, one.end * 2 - 1)
        for one in journal.segments
    )
    return encode(replace(journal, segments=segments))


def changelog(
    agent: str, rows: dict[tuple[str, str], bytes], checkpoint: Checkpoint
) -> list[Record]:
    """A changelog on which each row was written twice, and one row that is gone."""
    written = [(changelog_key(*row), value) for row, value in rows.items()]
    gone = changelog_key("wakes", "gone")
    records = [(key, b"before") for key, _ in written] + [(gone, b"x"), (gone, None), *written]
    records.append((CHECKPOINT_KEY, encode_checkpoint(checkpoint)))
    return [
        Record(topic=CHANGELOGS[agent], partition=0, offset=n * 2, key=key.decode(), value=value)
        for n, (key, value) in enumerate(records)
    ]


def test_a_sound_run_has_no_difference() -> None:
    found = compare(sound())
    found.check()
    assert found.tasks == 4  # intake, decide, deliver, and learn of the outcomes
    assert min(found.epochs, found.outputs, found.rows) > 10


def change(run: Run, topic: str, number: int, **fields: Any) -> None:
    """Change one record of a topic."""
    records = run.log.records[topic, 0]
    records[number] = replace(records[number], **fields)


def drop(run: Run, topic: str, number: int) -> None:
    """Take one record of a topic away."""
    del run.log.records[topic, 0][number]


def repeat(run: Run, topic: str) -> None:
    """The last record of a topic stands there once more, behind it."""
    records = run.log.records[topic, 0]
    records.append(replace(records[-1], offset=records[-1].offset + 2))


def other_digest(run: Run) -> None:
    """An epoch that did something else then."""
    journal = decode(JournalRecord, run.log.records["journal", 0][3].value or b"")
    change(run, "journal", 3, value=encode(replace(journal, digest="f" * 32)))


def other_segment(run: Run, start: int, end: int) -> None:
    """The second epoch that read alerts of the edge read from there to there."""
    numbers = [
        number
        for number, record in enumerate(run.log.records["journal", 0])
        if decode(JournalRecord, record.value or b"").task == "intake-0"
    ]
    journal = decode(JournalRecord, run.log.records["journal", 0][numbers[1]].value or b"")
    segments = (Segment("raw-alerts", 0, start, end),)
    change(run, "journal", numbers[1], value=encode(replace(journal, segments=segments)))


def other_row(run: Run, task: str, value: bytes | None) -> None:
    """The worker's store has another value in its first row, or none."""
    rows = run.held[task].rows
    if value is None:
        del rows[min(rows)]
    else:
        rows[min(rows)] = value


def other_checkpoint(run: Run) -> None:
    """The worker's store is an epoch behind."""
    before = run.held["decide-0"].checkpoint
    run.held["decide-0"].checkpoint = replace(before, epoch=before.epoch - 1)


def other_offset(run: Run) -> None:
    """The group has committed one more than was read."""
    committed: Any = run.committed
    committed["intake", "raw-alerts", 0] += 1


def other_partition(run: Run) -> None:
    """A record of a key on another partition than the rest of it."""
    records = run.log.records["audit", 0]
    run.log.records["audit", 1] = [replace(records.pop(), partition=1)]


def forget(run: Run) -> None:
    """No worker holds a task that ran."""
    held: Any = run.held
    del held["deliver-0"]


def invent(run: Run) -> None:
    """A worker holds rows of a task that never ran."""
    held: Any = run.held
    held["decide-7"] = Held(rows={("t", "k"): b"v"}, checkpoint=Checkpoint())


DIFFERENCES: dict[str, tuple[Callable[[Run], None], str]] = {
    "an output is lost": (
        lambda run: drop(run, "audit", 0),
        r"audit, key 'default': 1 × in the replay alone",
    ),
    "an output is there twice": (
        lambda run: repeat(run, "receipts"),
        r"receipts, key '[0-9a-f]+': 1 × on Kafka alone",
    ),
    "an output is another one": (
        lambda run: change(run, "audit", 0, value=b"other"),
        r"audit, key 'default': 1 × on Kafka alone: b'other'",
    ),
    "an output has another key": (
        lambda run: change(run, "dead-letters", 0, key="other"),
        r"dead-letters, key 'other': 1 × on Kafka alone",
    ),
    "an output has other headers": (
        lambda run: change(run, "audit", 0, headers={"tenant": "other"}),
        r"audit, key 'default': .* with \{'tenant': 'other'\}",
    ),
    "an output has another time": (
        lambda run: change(run, "audit", 0, timestamp_ms=7),
        r"audit, key 'default': .* at 7",
    ),
    "an incident's latest snapshot is lost": (
        lambda run: drop(run, "incidents", -1),
        r"incidents, key '[0-9a-f]+\.\d+': 1 × in the replay alone",
    ),
    "a key stands on two partitions": (
        other_partition,
        r"audit, key 'default': it stands on partitions 0 and 1",
    ),
    "an epoch did something else": (
        other_digest,
        r"\w+-0: epoch \d+ had the digest f{32} and \d+ outputs",
    ),
    "an input was left out": (
        lambda run: other_segment(run, 2, 3),
        r"intake-0: raw-alerts, partition 0: offsets from 1 to 2 were not read",
    ),
    "an input was read twice": (
        lambda run: other_segment(run, 0, 2),
        r"intake-0: raw-alerts, partition 0: offsets from 0 to 1 were read twice",
    ),
    "an input came later": (
        lambda run: repeat(run, "raw-alerts"),
        r"intake-0: raw-alerts, partition 0: offsets from 5 to 7 were not read",
    ),
    "an input was never read": (
        lambda run: run.log.records.update({("alerts", 1): run.log.records["alerts", 0]}),
        r"decide-1: alerts was not read at all",
    ),
    "a row on the changelog is another one": (
        lambda run: change(run, "decide-changelog", -2, value=b"other"),
        r"decide-0: table \S+, key .*: the changelog has b'other'",
    ),
    "a row on the changelog is lost": (
        lambda run: change(run, "decide-changelog", -2, value=None),
        r"decide-0: table \S+, key .*: the changelog has None",
    ),
    "the changelog's checkpoint is lost": (
        lambda run: drop(run, "intake-changelog", -1),
        r"intake-0: the changelog's checkpoint is",
    ),
    "a row in the store is another one": (
        lambda run: other_row(run, "deliver-0", b"other"),
        r"deliver-0: table \S+, key .*: the worker's store has b'other'",
    ),
    "a row in the store is lost": (
        lambda run: other_row(run, "decide-0", None),
        r"decide-0: table \S+, key .*: the worker's store has None",
    ),
    "the store's checkpoint is another one": (
        other_checkpoint,
        r"decide-0: the store's checkpoint is",
    ),
    "the group's offset is another one": (
        other_offset,
        r"intake-0: the group's offset of raw-alerts:0 is 6, the replay's 5",
    ),
    "a task is held by nobody": (forget, r"deliver-0: no worker holds it"),
    "a task is held that never ran": (invent, r"decide-7: its store has rows"),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_each_difference_is_found_and_named(case: str) -> None:
    put, named = DIFFERENCES[case]
    run = sound()
    put(run)
    with pytest.raises(AssertionError, match=named):
        compare(run).check()


def test_how_many_snapshots_lie_between_is_not_compared() -> None:
    run = sound()
    records = run.log.records["incidents", 0]
    earlier = next(
        n for n, one in enumerate(records) if one.key in {r.key for r in records[n + 1 :]}
    )
    drop(run, "incidents", earlier)
    assert compare(run).differences == []


def test_an_input_that_is_gone_is_named() -> None:
    run = sound()
    drop(run, "raw-alerts", 0)
    with pytest.raises(NoWayBack, match="read raw-alerts from offset 0"):
        compare(run)


def test_an_epoch_that_is_gone_is_named() -> None:
    run = sound()
    drop(run, "journal", 3)
    with pytest.raises(NoWayBack, match="the journal begins with epoch"):
        compare(run)


def test_what_somebody_else_wrote_is_told_apart() -> None:
    run = sound()
    repeat(run, "dead-letters")
    run.fed = (run.log.records["dead-letters", 0][-1],)
    assert compare(run).differences == []


def test_nothing_is_not_taken_for_equal() -> None:
    run = sound()
    run.held = {}
    for records in run.log.records.values():
        records.clear()
    with pytest.raises(AssertionError, match="the journal is empty"):
        compare(run).check()
