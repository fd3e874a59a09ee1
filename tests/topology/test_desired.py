"""What a topology needs of a cluster follows from it, and from nothing else."""

from __future__ import annotations

import pytest

from pipeline.engine.agent import DEAD_LETTER_BYTES_MAX
from pipeline.topology.builtin import GLOBALS
from pipeline.topology.desired import (
    CHANGELOG_VALUE_BYTES_MAX,
    RECORD_OVERHEAD_BYTES,
    changelog_topic,
    control_topic,
    desired,
)
from tests.topology.worlds import loaded

MINIMAL = "routes: {receiver: none}\n"
BUSY = loaded(
    MINIMAL
    + """
app: shop
defaults: {partitions: 6, replication: 3, retention: 2d}
topics:
  alerts: {retention: 1d, size_max: 2MB}
  mirror: {schema: Alert, key: scope_id, external: true}
  noise: {}
"""
)
STATE = desired(BUSY)
MAX = "max.message.bytes"


def test_every_declared_topic_and_what_is_derived_is_there() -> None:
    derived = {f"shop-{agent}-changelog" for agent in BUSY.agents} | {"shop-topology"}
    assert set(STATE.topics) == set(BUSY.topics) | derived
    assert STATE.owned == set(STATE.topics) - {"mirror"}
    assert STATE.applied == BUSY.hash
    assert STATE.scope == ("environment", "region")


def test_partitions_are_those_of_the_agents() -> None:
    counts = {name: topic.partitions for name, topic in STATE.topics.items()}
    assert {counts[name] for name in GLOBALS} == {1}
    assert counts["alerts"] == counts[changelog_topic("shop", "decide")] == 6
    assert counts[changelog_topic("shop", "announce")] == counts[control_topic("shop")] == 1


def test_records_are_kept_as_declared() -> None:
    alerts, audit = STATE.topics["alerts"].settings, STATE.topics["audit"].settings
    assert alerts["cleanup.policy"] == "delete"
    assert alerts["retention.ms"] == "86400000"
    assert audit["retention.ms"] == str(90 * 86_400_000)
    assert STATE.topics["noise"].settings["retention.ms"] == str(2 * 86_400_000)


@pytest.mark.parametrize("name", ["incidents", *sorted(GLOBALS), "shop-decide-changelog"])
def test_what_is_compacted_keeps_its_tombstones(name: str) -> None:
    settings = STATE.topics[name].settings
    assert settings["cleanup.policy"] == "compact"
    assert int(settings["delete.retention.ms"]) >= 2 * 86_400_000
    assert "retention.ms" not in settings


def test_replays_find_globals_as_they_were() -> None:
    assert STATE.topics["silences"].settings["min.compaction.lag.ms"] == str(2 * 86_400_000)
    assert STATE.topics["incidents"].settings["min.compaction.lag.ms"] == "0"


@pytest.mark.parametrize(
    ("name", "value_bytes"),
    [
        ("alerts", 2_000_000),
        ("commands", 1_000_000),
        ("dead-letters", DEAD_LETTER_BYTES_MAX),
        ("shop-decide-changelog", CHANGELOG_VALUE_BYTES_MAX),
    ],
)
def test_a_record_has_room_for_the_largest_value(name: str, value_bytes: int) -> None:
    assert int(STATE.topics[name].settings[MAX]) == value_bytes + RECORD_OVERHEAD_BYTES


@pytest.mark.parametrize(("replication", "insync"), [(1, "1"), (2, "1"), (3, "2"), (4, "3")])
def test_one_replica_may_be_lost(replication: int, insync: str) -> None:
    state = desired(BUSY, replication)
    assert {topic.replication for topic in state.topics.values()} == {replication}
    settings = [t.settings for t in state.topics.values() if not t.is_external]
    assert {each["min.insync.replicas"] for each in settings} == {insync}
    assert {each["unclean.leader.election.enable"] for each in settings} == {"false"}


def test_an_external_topic_is_not_ours_to_set() -> None:
    assert STATE.topics["mirror"].is_external
    assert not STATE.topics["mirror"].settings


def test_a_topic_without_a_key_is_known_as_such() -> None:
    assert not STATE.topics["noise"].is_keyed
    assert STATE.topics["alerts"].is_keyed
    assert STATE.topics["shop-decide-changelog"].is_keyed
