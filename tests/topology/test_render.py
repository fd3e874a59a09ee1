"""A plan as people read it."""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.topology.desired import State, Topic, desired
from pipeline.topology.plan import plan
from pipeline.topology.render import NOTHING, render
from pipeline.topology.risk import Risk
from tests.topology.worlds import loaded

TOPOLOGY = loaded(
    "app: shop\ndefaults: {partitions: 2, replication: 1}\nroutes: {receiver: none}\n"
    "agents:\n  deliver: {reads: [notifications], stages: [send], writes: [receipts]}\n"
    "topics: {notifications: {external: true}}\n"
)
WANTED = desired(TOPOLOGY)


def test_nothing_to_do_is_said() -> None:
    assert render(()) == NOTHING


def test_what_is_made_is_one_line_each() -> None:
    text = render(plan(WANTED, State(topics={})))
    assert "  ! notifications: it is declared external and is not there" in text
    assert "  + raw-alerts: 2 partitions, 1 replica each, records kept 30d\n" in text
    assert "  + incidents: 2 partitions, 1 replica each, compacted, tombstones kept 7d\n" in text
    assert "  + changes: 1 partition, 1 replica each, compacted, tombstones kept 7d\n" in text
    assert "  + shop-topology: 1 partition, 1 replica each, compacted\n" in text
    assert f"not set → {TOPOLOGY.hash}" in text
    made = sum(1 for line in text.splitlines() if line.startswith("  + "))
    assert text.endswith(f"Plan: {made} to create, 1 to do by hand, 1 to publish.")


def test_changes_say_before_after_risk_and_why() -> None:
    alerts = WANTED.topics["alerts"]
    there = replace(
        alerts,
        partitions=1,
        settings={**alerts.settings, "retention.ms": "-1", "max.message.bytes": "5"},
    )
    old = Topic(partitions=1, replication=1, settings={})
    actual = replace(
        WANTED,
        topics={**WANTED.topics, "alerts": there, "old": old},
        owned=WANTED.owned | {"old"},
        scope=("team", "stage"),
        applied="0" * 32,
    )
    actions = plan(WANTED, actual)
    text = render(actions)
    why = "loses history: records older than 7d are deleted at once"
    assert f"      retention.ms       for ever → 7d  {why}\n" in text
    assert "      max.message.bytes  5 bytes → 1,048,576 bytes\n" in text
    assert "what is kept of them does not  [re-keys]\n      partitions  1 → 2\n" in text
    assert "      scope     team, stage → environment, region\n" in text
    assert "  · old: no longer declared; it stays without --destroy\n" in text
    assert text.endswith("Plan: 2 to change, 1 to publish.")
    given = render(actions, [Risk.DESTROYS])
    assert "  - old: it is no longer declared; all its records go  [destroys]\n" in given
    assert given.endswith("Plan: 2 to change, 1 to destroy, 1 to publish.")
