"""What consumers downstream read: committed records, Avro by the published schemas, keyed as
`infra/docs/stream.md` says, on the partition that every Kafka client computes from the key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

from tests.examples.site import VALUES, WITHIN_S, Site, decoded, headers_of
from tests.hosts.faust.topics import make_topic
from tests.wait import wait_until

PARTITIONS = 4


class Life:
    """One incident from its first alert to the receipt of its resolve, as read downstream."""

    def __init__(self, site: Site) -> None:
        self.name = f"A{uuid4().hex[:12]}"
        alert = {"name": self.name, "severity": "critical", "environment": f"e-{self.name}"}
        site.send(json.dumps(alert | {"status": "firing"}).encode())
        (triggered,) = self._receipts(site, "trigger")
        self.incident_id = triggered["incident_id"]
        site.send(json.dumps(alert | {"status": "resolved"}).encode())
        self._receipts(site, "resolve")
        self.site = site
        self.read = {topic: site.read(topic) for topic in VALUES}

    def _receipts(self, site: Site, action: str) -> list[dict[str, Any]]:
        """The receipts of what was done about this incident."""

        def is_ours(one: dict[str, Any]) -> bool:
            return one["action"] == action and one["incident_id"] in ids

        ids: set[str] = set()
        incidents = site.wait_for("incidents", lambda one: self.name in one["title"])
        ids.update(one["incident_id"] for one in incidents)
        return site.wait_for("receipts", is_ours)

    def of(self, topic: str) -> list[tuple[Message, dict[str, Any]]]:
        """The records on a topic that are about this incident, in order."""
        pairs = ((message, decoded(message)) for message in self.read[topic])
        return [
            (message, value)
            for message, value in pairs
            if value is not None
            and self.incident_id in (value.get("incident_id"), self._named(value))
        ]

    def _named(self, value: dict[str, Any]) -> str:
        return self.incident_id if value.get("name") == self.name else ""


@pytest.fixture(scope="module")
def life(site: Site) -> Life:
    return Life(site)


def keys_of(records: Iterable[tuple[Message, dict[str, Any]]]) -> set[str]:
    return {(message.key() or b"").decode() for message, _ in records}


def test_alerts_are_keyed_by_their_scope(life: Life) -> None:
    alerts = life.of("alerts")
    assert [value["status"] for _, value in alerts] == ["firing", "resolved"]
    scope_id, _, number = life.incident_id.partition(".")
    assert keys_of(alerts) == {scope_id}
    assert len(scope_id) == 16
    assert number.isdecimal()
    assert len({value["fingerprint"] for _, value in alerts}) == 1


def test_incidents_are_keyed_by_their_id_and_the_last_one_counts(life: Life) -> None:
    incidents = life.of("incidents")
    assert keys_of(incidents) == {life.incident_id}
    updates = [value["updated_at_ms"] for _, value in incidents]
    assert updates == sorted(updates)
    assert incidents[-1][1]["status"] == "resolved"
    assert settings(life.site, "incidents")["cleanup.policy"] == "compact"


def test_notifications_are_keyed_by_their_receiver(life: Life) -> None:
    notifications = life.of("notifications")
    assert keys_of(notifications) == {"on-call"}
    assert [value["action"] for _, value in notifications] == ["trigger", "resolve"]


def test_receipts_are_keyed_by_scope_and_say_what_became_of_each(life: Life) -> None:
    receipts = life.of("receipts")
    assert keys_of(receipts) == {life.incident_id.partition(".")[0]}
    told = [(value["action"], value["result"]) for _, value in receipts]
    assert told == [("trigger", "delivered"), ("resolve", "delivered")]
    ids = [value["notification_id"] for _, value in life.of("notifications")]
    assert [value["notification_id"] for _, value in receipts] == ids


def test_dead_letters_audit_and_journal_are_keyed_as_documented(life: Life) -> None:
    for topic, field in (("dead-letters", "topic"), ("audit", "tenant"), ("journal", "task")):
        for message in life.read[topic]:
            value = decoded(message)
            assert value is not None
            assert (message.key() or b"").decode() == value[field]
    assert life.read["journal"]


def test_all_that_comes_of_an_alert_says_where_it_came_from(life: Life) -> None:
    found = [headers_of(message) for message, _ in life.of("alerts")]
    first, second = ({name: text.decode() for name, text in one.items()} for one in found)
    assert first["tenant"] == "default"
    assert first["origin"].startswith("raw-alerts:0:")
    assert first["origin"] != second["origin"]
    assert len(first["trace"]) == 32
    triggers = [message for message, value in life.of("notifications")]
    assert headers_of(triggers[0])["trace"].decode() == first["trace"]


def test_a_key_is_on_the_partition_that_every_client_computes(life: Life) -> None:
    scratch = f"partitions-{uuid4().hex[:8]}"
    make_topic(life.site.bootstrap, scratch, PARTITIONS)
    places: dict[bytes, set[int]] = {}
    for messages in life.read.values():
        for message in messages:
            key, partition = message.key(), message.partition()
            assert isinstance(key, bytes)
            assert partition is not None
            places.setdefault(key, set()).add(partition)
    assert len(places) > 5
    assert {key: {at} for key, at in computed(life.site, scratch, places).items()} == places


def computed(site: Site, topic: str, keys: Iterable[bytes]) -> dict[bytes, int]:
    """Where librdkafka puts these keys, hashing as the Java client does."""
    found: dict[bytes, int] = {}

    def landed(error: Any, message: Any) -> None:
        assert error is None, error
        found[message.key()] = message.partition()

    producer = Producer({"bootstrap.servers": site.bootstrap, "partitioner": "murmur2"})
    for key in keys:
        producer.produce(topic, key=key, value=b"", on_delivery=landed)
    assert producer.flush(WITHIN_S) == 0
    return found


def settings(site: Site, topic: str) -> dict[str, str]:
    """A topic's settings, as the broker has them."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    admin = AdminClient({"bootstrap.servers": site.bootstrap})
    found = admin.describe_configs([resource])[resource].result(WITHIN_S)
    return {name: str(entry.value) for name, entry in found.items()}


def test_the_receiver_was_told_what_the_receipts_say(life: Life) -> None:
    def effects() -> list[str]:
        calls = life.site.calls()
        key = f"/{life.incident_id}"
        return [one["effect"] for one in calls if one["dedup_key"].endswith(key)]

    assert wait_until(effects, what="the calls") == ["triggered", "resolved"]
