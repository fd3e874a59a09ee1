"""What foreign producers write straight to `raw-alerts` becomes alerts, and bad records dead
letters with their reason, while their neighbours go on.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from uuid import uuid4

import fastavro
import pytest

from tests.examples.site import WITHIN_S, Site, decoded, headers_of, now_ms
from tests.real import ROOT, shared
from tests.wait import wait_until

ALERT_SCHEMA = json.loads((ROOT / "schemas" / "Alert.avsc").read_text(encoding="utf-8"))
Headers = list[tuple[str, bytes | None]]

CE: Headers = [
    ("ce_specversion", b"1.0"),
    ("ce_source", b"/plant"),
    ("ce_type", b"com.example.alert.firing"),
    ("ce_time", b"2026-01-01T00:00:00Z"),
]


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def posted(name: str, **fields: Any) -> dict[str, Any]:
    """One alert as Alertmanager writes it."""
    labels = {"alertname": name, "severity": "critical", "env": "prod", "instance": "a:1"}
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "it is down"},
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
    } | fields


def group(*alerts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A notification as bridges send it on: fingerprints lost, a stamp added."""
    return {
        "receiver": "kafka",
        "status": "firing",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "version": "4",
        "groupKey": '{}:{alertname="x"}',
        "@timestamp": "2026-01-01T00:00:00Z",
        "alerts": list(alerts),
    } | fields


def recorded(name: str) -> dict[str, Any]:
    """An event of Alertmanager's recorder."""
    pairs = [{"key": "alertname", "value": name}, {"key": "severity", "value": "critical"}]
    alert = {"fingerprint": "81554487338", "name": name, "labels": {"labels": pairs}}
    created = {"alert": alert | {"startsAt": "2026-01-01T00:00:00Z"}}
    return {
        "@timestamp": "2026-01-01T00:00:01Z",
        "instance": "am-0",
        "data": {"alertCreated": created},
    }


def avro(name: str, **fields: Any) -> bytes:
    """An Alert's body as anybody writes it with the published schema."""
    stream = BytesIO()
    alert = {"name": name, "severity": "critical", "labels": {"env": "prod"}} | fields
    needed = {"alert_id": "", "fingerprint": "", "status": "firing"}
    fastavro.schemaless_writer(stream, fastavro.parse_schema(ALERT_SCHEMA), needed | alert)
    return stream.getvalue()


def single_object(body: bytes) -> bytes:
    canonical = fastavro.schema.to_parsing_canonical_form(ALERT_SCHEMA)
    return b"\xc3\x01" + bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")) + body


def confluent(body: bytes) -> bytes:
    return b"\x00\x00\x00\x00\x2a" + body


@dataclass
class Case:
    """One record; `count` alerts of its name come of it, or a dead letter of this reason."""

    value: bytes | None
    headers: Headers = field(default_factory=list)
    count: int = 1
    key: bytes | None = None
    reason: str = ""
    says: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    timestamp_ms: int = 0


def good(name: str) -> Iterator[tuple[str, Case]]:
    """What is recognised."""
    native = {"name": name, "status": "firing", "severity": "critical"}
    raw = as_json(native)
    event = {"specversion": "1.0", "id": name, "source": "/plant", "type": "x.firing"}
    other = posted(name, labels={"alertname": name, "severity": "critical", "n": "2"})
    bridged = as_json(group(posted(name), other))
    binary: Headers = [*CE, ("ce_id", name.encode())]
    structured: Headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    encoded = event | {"data_base64": base64.b64encode(raw).decode()}
    yield "native", Case(raw)
    yield "native array", Case(as_json([native, native | {"host": "b"}]), count=2)
    yield "native, named", Case(raw, [("format", b"native")])
    yield "bridge, group", Case(bridged, count=2)
    yield "bridge, one alert", Case(as_json(posted(name, fingerprint="0123456789abcdef")))
    yield "api v2", Case(as_json([{"labels": {"alertname": name, "severity": "critical"}}]))
    yield "event recorder", Case(as_json(recorded(name)))
    yield "ce binary, native", Case(as_json({"name": name, "severity": "critical"}), binary)
    yield "ce binary, group", Case(bridged, [*binary, ("content-type", b"text/json")], count=2)
    yield "ce binary, avro", Case(single_object(avro(name)), binary)
    yield "ce structured", Case(as_json(event | {"data": native}), [*structured])
    yield "ce structured, sniffed", Case(as_json(encoded))
    yield "avro", Case(single_object(avro(name)))
    yield "confluent, avro", Case(confluent(avro(name)))
    yield "confluent, json", Case(confluent(raw))
    yield "schema by header", Case(avro(name), [("__value_schema_id", b"\x01" + bytes(16))])
    yield "key that is no text", Case(raw, key=b"\xff\xfe\x00")
    yield "empty key", Case(raw, key=b"")
    yield "header that is no text", Case(raw, [("x", b"\xff\xfe"), ("y", None), ("z", b"")])
    yield "idempotent", Case(raw, settings={"enable.idempotence": True})
    yield "written in 1970", Case(raw, timestamp_ms=1_700_000_000)
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        yield codec, Case(raw, settings={"compression.type": codec})


def bad(name: str) -> Iterator[tuple[str, Case]]:
    """What is refused."""
    half = as_json([{"name": name, "status": "firing", "severity": "critical"}, {"name": name}])
    yield "null", Case(None, reason="empty")
    yield "null with a key", Case(None, key=b"k", reason="empty")
    yield "no bytes", Case(b"", reason="empty")
    yield "tombstone of an event", Case(None, [*CE, ("ce_id", b"1")], reason="empty")
    yield "no json", Case(b"\xff\xfe{}", reason="not_json", says="malformed")
    yield "text", Case(b"disk is full", reason="not_json")
    yield "no alert", Case(b'{"foo": 1}', reason="invalid", says="name")
    yield "protobuf", Case(confluent(b"\x00\x0a\x03abc"), reason="not_avro", says="schema id 42")
    yield "foreign avro", Case(b"\xc3\x01" + bytes(9), reason="not_avro", says="0000000000000000")
    yield "unknown format", Case(b"{}", [("format", b"xml")], reason="unknown_format", says="xml")
    yield "unknown status", Case(as_json({"name": name, "status": "?"}), reason="unknown_status")
    yield "half of it", Case(half, count=1, reason="invalid", says="[1].status")
    yield "tenant of nobody", Case(half, [("tenant", b"Red Team")], reason="no_tenant")
    yield "tenant that is no text", Case(half, [("tenant", b"\xff")], reason="no_tenant")


GOOD = [case for case, _ in good("")]
BAD = [case for case, _ in bad("")]


class Taken:
    """All cases on one partition, good between bad, and what has become of them."""

    def __init__(self, site: Site) -> None:
        run = uuid4().hex[:8]
        self.cases: dict[str, Case] = {}
        self.names: dict[str, str] = {}
        self.offsets: dict[str, int] = {}
        self.sent_at_ms = now_ms()
        for number, title in enumerate(interleaved(GOOD, BAD)):
            name = self.names[title] = f"A{run}{number}"
            case = self.cases[title] = {**dict(good(name)), **dict(bad(name))}[title]
            self.offsets[title] = site.send(
                case.value,
                headers=case.headers,
                key=case.key,
                timestamp_ms=case.timestamp_ms,
                **case.settings,
            )
        last = f"A{run}last"
        site.send(as_json({"name": last, "status": "firing"}))
        site.wait_for("alerts", lambda alert: alert["name"] == last)
        self.alerts = list(map(decoded, site.read("alerts")))
        self.letters = [
            (decoded(message), headers_of(message), message.key())
            for message in site.read("dead-letters")
        ]

    def alerts_of(self, title: str) -> list[dict[str, Any]]:
        """The alerts that came of a case."""
        return [one for one in self.alerts if one and one["name"] == self.names[title]]

    def letters_of(self, title: str) -> list[tuple[dict[str, Any], dict[str, bytes], Any]]:
        """The dead letters that came of a case."""
        offset = self.offsets[title]
        return [
            (letter, headers, key)
            for letter, headers, key in self.letters
            if letter and (letter["partition"], letter["offset"]) == (0, offset)
        ]


def interleaved(some: list[str], others: list[str]) -> list[str]:
    """Both lists, one by one in turn as far as that goes."""
    count = min(len(some), len(others))
    mixed = [one for pair in zip(some, others, strict=False) for one in pair]
    return mixed + some[count:] + others[count:]


@pytest.fixture(scope="module")
def taken(site: Site) -> Taken:
    return Taken(site)


@pytest.mark.parametrize("title", GOOD)
def test_it_is_recognised_as_it_is(taken: Taken, title: str) -> None:
    alerts = taken.alerts_of(title)
    assert taken.letters_of(title) == []
    assert len(alerts) == taken.cases[title].count
    place = f"o-raw-alerts:0:{taken.offsets[title]}:"
    for index, alert in enumerate(sorted(alerts, key=lambda one: str(one["alert_id"]))):
        assert (alert["severity"], alert["status"]) == ("critical", "firing")
        is_event = title.startswith("ce")
        assert (
            alert["alert_id"].startswith("k-")
            if is_event
            else alert["alert_id"] == place + str(index)
        )
        assert len(alert["fingerprint"]) == 16
        assert alert["received_at_ms"] >= taken.sent_at_ms - 1_000
    assert len({alert["alert_id"] for alert in alerts}) == len(alerts)


@pytest.mark.parametrize("title", BAD)
def test_a_bad_record_is_a_dead_letter_that_says_why(taken: Taken, title: str) -> None:
    case = taken.cases[title]
    ((letter, headers, key),) = taken.letters_of(title)
    assert letter["reason"] == case.reason
    assert case.says in letter["detail"]
    assert letter["value"] == (case.value or b"")
    assert (letter["topic"], letter["agent"], key) == ("raw-alerts", "intake", b"raw-alerts")
    assert headers["origin"] == f"raw-alerts:0:{taken.offsets[title]}:0".encode()
    assert len(taken.alerts_of(title)) == (case.count if title == "half of it" else 0)


def test_a_tenant_is_taken_from_the_header(site: Site) -> None:
    name = f"A{uuid4().hex[:12]}"
    raw = as_json({"name": name, "status": "firing", "severity": "critical"})
    site.send(raw, headers=[("tenant", b"red")], partition=1)
    site.send(raw, partition=1)
    scopes: dict[str, set[str]] = {}

    def are_both_there() -> bool:
        for one in site.wait_for("incidents", lambda one: name in one["title"]):
            scopes.setdefault(one["tenant"], set()).add(one["scope_id"])
        return len(scopes) > 1

    wait_until(are_both_there, what="an incident of each tenant")
    assert set(scopes) == {"red", "default"}
    assert scopes["red"].isdisjoint(scopes["default"])


def test_an_aborted_transaction_never_happened(site: Site) -> None:
    name = f"A{uuid4().hex[:12]}"
    raw = as_json({"name": name, "status": "firing"})
    site.send_aborted(raw, partition=2)
    site.send(raw, partition=2)
    (alert,) = site.wait_for("alerts", lambda one: one["name"] == name)
    assert alert["name"] == name


def test_a_life_that_alertmanager_recorded(site: Site) -> None:
    lines = shared("samples/alertmanager/eventrecorder_0.33.1_real.jsonl").read_bytes().splitlines()
    before = len(site.read("dead-letters"))
    for line in lines:
        site.send(line, partition=3)
    fingerprint = "712df969fd825932"
    alerts = site.wait_for("alerts", lambda one: one["fingerprint"] == fingerprint, 2)
    assert [one["status"] for one in alerts][-2:] == ["firing", "resolved"]
    assert len(site.read("dead-letters")) == before


def test_what_alertmanager_posts_and_a_bridge_writes_on(site: Site) -> None:
    lines = shared("samples/alertmanager_0.25_captured.jsonl").read_text().splitlines()
    bodies = [json.loads(line).get("body") for line in lines]
    groups = [one for one in bodies if isinstance(one, dict) and "alerts" in one]
    alerts = [alert for one in groups for alert in one["alerts"]]
    assert alerts
    before = len(site.read("alerts"))
    for one in groups:
        bare = [{k: v for k, v in alert.items() if k != "fingerprint"} for alert in one["alerts"]]
        site.send(as_json(one | {"alerts": bare, "@timestamp": "2026-01-01T00:00:00Z"}))
    wait_until(
        lambda: len(site.read("alerts")) >= before + len(alerts),
        what="all alerts of the groups",
        deadline_s=WITHIN_S,
    )
    read = [one for one in map(decoded, site.read("alerts")) if one is not None]
    assert len(read) == before + len(alerts)
    found = {(one["fingerprint"], one["status"]) for one in read}
    assert {(alert["fingerprint"], alert["status"]) for alert in alerts} <= found
