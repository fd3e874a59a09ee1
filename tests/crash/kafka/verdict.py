"""Verdict: all checks of the oracle on one run, for what its two agents are declared to do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from msgspec import Struct

from tests.crash.kafka import oracle
from tests.crash.kafka.oracle import Complaint
from tests.crash.kafka.orders import Expected, Given, expect
from tests.crash.kafka.reading import Broker, Entry, Reading, Row, avro, fired, published, rows

Dump = Mapping[tuple[int, bytes], bytes]
"""A store of one agent in one worker: (partition, key as on the changelog) → value."""


class Flow(Struct, frozen=True, kw_only=True):
    """One agent as the oracle knows it: what it reads and writes, and its main table."""

    agent: str
    app: str
    source: str
    target: str
    table: str

    @property
    def group(self) -> str:
        """Its consumer group."""
        return f"{self.app}-{self.agent}"

    @property
    def changelog(self) -> str:
        """The topic beneath its tables."""
        return f"{self.group}-changelog"


class Evidence(Struct, kw_only=True):
    """What a run left: `seen` was read during the faults, the dumps are per agent."""

    seen: Reading
    samples: Mapping[str, Sequence[Mapping[tuple[str, int], int]]]
    dumps: Mapping[str, Sequence[Dump]]
    lags: Mapping[str, int]


def flows(app: str) -> tuple[Flow, Flow]:
    """The two agents of `stages.py`."""
    return (
        Flow(agent="fold", app=app, source="orders", target="rows", table="folds"),
        Flow(agent="sum", app=app, source="rows", target="sums", table="sums"),
    )


def topics(app: str) -> list[str]:
    """Every topic of a run."""
    named = ["orders", "rows", "sums", "fired", "dead-letters", "journal"]
    return named + [flow.changelog for flow in flows(app)]


def given(entries: Sequence[Entry]) -> list[Given]:
    """The inputs on `orders`."""
    found = []
    for entry in entries:
        order = json.loads(entry.value or b"{}")
        kind = order.get("kind", "plain")
        key = (entry.key or b"").decode()
        found.append(Given(entry.partition, entry.offset, key, order["id"], order["value"], kind))
    return found


def expect_of_rows(listed: Sequence[tuple[Entry, Row]]) -> Expected:
    """What the second agent must make of what the first one wrote."""
    return expect(
        Given(entry.partition, entry.offset, (entry.key or b"").decode(), row[0], row[1])
        for entry, row in listed
    )


def judge(broker: Broker, app: str, evidence: Evidence, produced: int) -> list[Complaint]:
    """All complaints about a run that has come to rest. `produced` inputs were acknowledged."""
    everything = topics(app)
    bounds = broker.ends(broker.partitions(everything))
    complaints = oracle.check_ended(bounds)
    found = broker.read(everything)
    if evidence.seen:
        complaints += oracle.check_same(evidence.seen, found)
    inputs = given(found["orders"])
    if len(inputs) != produced:
        complaints.append(Complaint("input", f"{len(inputs)} of {produced} inputs are there"))
    mid, out = rows(found["rows"]), rows(found["sums"])
    first, second = expect(inputs), expect_of_rows(mid)
    complaints += oracle.check_rows("rows", first, mid)
    complaints += oracle.check_rows("sums", second, out)
    complaints += oracle.check_wakes(first, fired(found["fired"]))
    letters = avro(published("DeadLetter"), found["dead-letters"])
    complaints += oracle.check_failing("orders", first, letters)
    for flow, expected in zip(flows(app), (first, second), strict=True):
        complaints += _judge_flow(broker, flow, expected, found, evidence)
    return complaints


def _judge_flow(
    broker: Broker, flow: Flow, expected: Expected, found: Reading, evidence: Evidence
) -> list[Complaint]:
    changelog = oracle.compacted(found[flow.changelog])
    committed = broker.committed(flow.group, broker.partitions([flow.source]))
    source = found[flow.source]
    ends = {(flow.source, entry.partition): entry.offset + 1 for entry in source}
    journal = avro(published("JournalRecord"), found["journal"])
    positions = [(entry.partition, entry.offset) for entry in source]
    complaints = oracle.check_changelog(flow.agent, flow.table, expected, changelog)
    complaints += oracle.check_offsets(flow.group, ends, committed, changelog)
    complaints += oracle.check_forwards(evidence.samples.get(flow.group, ()))
    complaints += oracle.check_journal(flow.source, positions, journal, flow.agent)
    if flow.agent in evidence.dumps:
        complaints += oracle.check_dump(flow.agent, changelog, evidence.dumps[flow.agent])
    if evidence.lags.get(flow.agent, 0):
        complaints.append(
            Complaint(
                "lag", f"{flow.agent} says {evidence.lags[flow.agent]} records of lag at rest"
            )
        )
    return complaints
