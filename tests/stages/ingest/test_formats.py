"""Alertmanager's API v2, CloudEvents and generic sources: tables of cases."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest

from pipeline.domain.ids import fingerprint
from pipeline.domain.units import decode_unit
from pipeline.stages.ingest import IngestConfig, Parsed, parse

NOW_MS = 1_700_000_000_000
CONFIG = IngestConfig()


def read(value: Any, format_name: str, config: IngestConfig = CONFIG, **headers: str) -> Parsed:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    given = {name.replace("__", "-"): text for name, text in headers.items()}
    return parse(body, format_name, given, config, NOW_MS)


NOW = "2023-11-14T22:13:20Z"
EARLIER = "2023-11-14T22:00:00Z"
LATER = "2023-11-14T22:30:00Z"
EARLIER_MS, LATER_MS = NOW_MS - 800_000, NOW_MS + 1_000_000


@pytest.mark.parametrize(
    ("times", "starts_at_ms", "ends_at_ms", "status"),
    [
        ({}, NOW_MS, NOW_MS + 300_000, "firing"),
        ({"startsAt": EARLIER}, EARLIER_MS, NOW_MS + 300_000, "firing"),
        ({"startsAt": EARLIER, "endsAt": LATER}, EARLIER_MS, LATER_MS, "firing"),
        ({"startsAt": EARLIER, "endsAt": NOW}, EARLIER_MS, NOW_MS, "resolved"),
        ({"endsAt": EARLIER}, EARLIER_MS, EARLIER_MS, "resolved"),
        ({"endsAt": LATER}, NOW_MS, LATER_MS, "firing"),
        ({"endsAt": "0001-01-01T00:00:00Z"}, NOW_MS, NOW_MS + 300_000, "firing"),
    ],
)
def test_api_v2_has_alertmanagers_defaults(
    times: dict[str, str], starts_at_ms: int, ends_at_ms: int, status: str
) -> None:
    (draft,) = read([{"labels": {"alertname": "A", "x": ""}, **times}], "alertmanager-v2").drafts
    assert (draft.starts_at_ms, draft.ends_at_ms, draft.status) == (
        starts_at_ms,
        ends_at_ms,
        status,
    )
    assert draft.labels == {"alertname": "A"}
    assert draft.fingerprint == fingerprint({"alertname": "A"})


@pytest.mark.parametrize(
    ("alert", "path"),
    [
        ({}, "[1].labels"),
        ({"labels": {}}, "[1].labels"),
        ({"labels": {"a": ""}}, "[1].labels"),
        ({"labels": {"": "a"}}, "[1].labels"),
        ({"labels": {"a": 1}}, "[1].labels[...]"),
        ({"labels": {"a": "b"}, "startsAt": "then"}, "[1].startsAt"),
        (3, "[1]"),
    ],
)
def test_api_v2_keeps_the_good_ones(alert: Any, path: str) -> None:
    parsed = read([{"labels": {"alertname": "A"}}, alert], "alertmanager-v2")
    assert [draft.name for draft in parsed.drafts] == ["A"]
    assert [(one.path, one.index) for one in parsed.rejected] == [(path, 1)]


def test_api_v2_keeps_where_the_alert_was_made() -> None:
    (draft,) = read(
        [{"labels": {"job": "x", "a": "b"}, "generatorURL": "http://prom/g0"}], "alertmanager-v2"
    ).drafts
    assert draft.annotations == {"generator_url": "http://prom/g0"}
    assert draft.name == '{a="b", job="x"}'
    assert draft.source == "prometheus"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "alerts"),
        ({"alerts": {}}, "alerts"),
        ({"alerts": [{"labels": {}}]}, "alerts[0].labels"),
        ({"alerts": [{}]}, "alerts[0].labels"),
        ({"alerts": [{"labels": {"a": "b"}, "status": "odd"}]}, "alerts[0].status"),
        ({"labels": {"a": "b"}, "startsAt": 1}, "startsAt"),
        ([{"labels": {"a": "b"}, "annotations": {"c": 1}}], "[0].annotations[...]"),
        (b"[", ""),
        (b"", ""),
    ],
)
def test_a_bad_webhook_is_refused_with_its_path(body: Any, path: str) -> None:
    parsed = read(body, "alertmanager")
    assert parsed.drafts == ()
    assert [one.path for one in parsed.rejected] == [path]


def test_alerts_that_alertmanager_cut_off_are_counted() -> None:
    parsed = read({"alerts": [{"labels": {"a": "b"}}], "truncatedAlerts": 7}, "alertmanager")
    assert parsed.cut_by_sender == 7
    assert parsed.drafts[0].status == "firing"


EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/checks/disk",
    "type": "com.example.check.resolved",
    "time": EARLIER,
    "severitynumber": 18,
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}


def test_a_structured_event_lends_its_attributes() -> None:
    (draft,) = read(EVENT | {"data": {"name": "disk"}}, "cloudevents").drafts
    assert (draft.name, draft.status, draft.severity) == ("disk", "resolved", "error")
    assert (draft.source, draft.source_id) == ("/checks/disk", "1")
    assert draft.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert draft.starts_at is not None


def test_what_the_alert_says_itself_counts_more() -> None:
    data = {"name": "disk", "status": "firing", "severity": "info", "starts_at_ms": 5}
    (draft,) = read(EVENT | {"data": data}, "cloudevents").drafts
    assert (draft.status, draft.severity, draft.starts_at_ms) == ("firing", "info", 5)
    assert draft.starts_at is None


@pytest.mark.parametrize(
    ("prefix", "source"), [("ce-", "%2Fchecks%2Fdisk"), ("ce_", "/checks/disk")]
)
def test_a_binary_event_is_the_same_alert(prefix: str, source: str) -> None:
    given = EVENT | {"source": source, "severitynumber": "18"}
    headers = {f"{prefix}{name}": str(value) for name, value in given.items()}
    body = b'{"name": "disk"}'
    (binary,) = parse(body, "", headers, CONFIG, NOW_MS).drafts
    (structured,) = read(EVENT | {"data": {"name": "disk"}}, "").drafts
    assert binary == structured


def test_base64_data_is_unpacked() -> None:
    data = base64.b64encode(b'{"name": "disk"}').decode()
    (draft,) = read(EVENT | {"data_base64": data}, "cloudevents").drafts
    assert draft.name == "disk"


def test_a_redelivered_event_has_the_same_key_wherever_it_stands() -> None:
    one = EVENT | {"data": {"name": "disk"}}
    other = one | {"id": "2"}
    (alone,) = read(one, "cloudevents").drafts
    batch = read([other, one], "cloudevents", content__type="application/cloudevents-batch+json")
    assert [draft.idempotency_key for draft in batch.drafts][1] == alone.idempotency_key
    assert batch.drafts[0].idempotency_key != alone.idempotency_key


def test_an_event_may_carry_a_webhook() -> None:
    data = {"alerts": [{"labels": {"alertname": "A"}}, {"labels": {"alertname": "B"}}]}
    parsed = read(EVENT | {"data": data}, "cloudevents")
    assert [draft.name for draft in parsed.drafts] == ["A", "B"]
    assert len({draft.idempotency_key for draft in parsed.drafts}) == 2


@pytest.mark.parametrize(
    ("event", "path"),
    [
        ({"specversion": "1.0"}, "id"),
        (EVENT, "data"),
        (EVENT | {"id": ""}, "id"),
        (EVENT | {"specversion": "0.3", "data": {"name": "a"}}, "specversion"),
        (EVENT | {"data": {}}, "data.name"),
        (EVENT | {"data": {"name": 3}}, "data.name"),
        (EVENT | {"type": "order.made", "data": {"name": "a"}}, "data.status"),
        (EVENT | {"data_base64": "%"}, "data_base64"),
        (EVENT | {"data": EVENT}, "data"),
        ([EVENT | {"data": {"name": "a", "status": "odd"}}], "[0].data.status"),
    ],
)
def test_a_bad_event_is_refused_with_its_path(event: Any, path: str) -> None:
    parsed = read(event, "cloudevents")
    assert parsed.drafts == ()
    assert [one.path for one in parsed.rejected] == [path]


def configured(**source: Any) -> IngestConfig:
    return msgspec.convert({"sources": {"monitor": source}}, IngestConfig, dec_hook=decode_unit)


MONITOR = configured(
    each="$.incidents",
    fields={
        "name": "$.title",
        "status": {"path": "state", "default": "open"},
        "severity": {"cel": 'event.score > 5 ? "bad" : "fine"'},
        "environment": {"const": "production"},
        "service": {"path": "target.app", "map": {"shop": "checkout"}},
        "starts_at": "$.since",
        "value": "$.score",
        "labels": "$.target",
        "labels.zone": "$.target.zones[0]",
        "annotations.url": "$$.link",
        "tags": "$.tags",
        "fingerprint": "$['id.long']",
    },
    statuses={"CLOSED": "resolved"},
    severities={"bad": "critical", "fine": "info"},
)
INCIDENT = {
    "title": "slow",
    "state": "CLOSED",
    "score": 7.5,
    "since": 1_699_999_000,
    "target": {"app": "shop", "zones": ["a", "b"], "port": 80},
    "tags": ["x", 3],
    "id.long": "incident-1",
}


def test_a_generic_source_is_read_by_its_map() -> None:
    body = {"link": "http://m/1", "incidents": [INCIDENT]}
    (draft,) = read(body, "monitor", MONITOR).drafts
    assert (draft.name, draft.status, draft.severity) == ("slow", "resolved", "critical")
    assert (draft.environment, draft.service) == ("production", "checkout")
    assert (draft.starts_at_ms, draft.value) == (1_699_999_000_000, 7.5)
    assert draft.labels == {"app": "shop", "zones": '["a","b"]', "port": "80", "zone": "a"}
    assert draft.annotations == {"url": "http://m/1"}
    assert draft.tags == ["x", "3"]
    assert draft.source == "monitor"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"title": None}, "incidents[1].title"),
        ({"title": ""}, "incidents[1].title"),
        ({"state": "odd"}, "incidents[1].status"),
    ],
)
def test_a_generic_source_keeps_the_good_members(change: dict[str, Any], path: str) -> None:
    parsed = read({"incidents": [INCIDENT, INCIDENT | change]}, "monitor", MONITOR)
    assert [draft.name for draft in parsed.drafts] == ["slow"]
    assert [one.path for one in parsed.rejected] == [path]


def test_a_time_that_cannot_be_read_costs_no_alert() -> None:
    parsed = read({"incidents": [INCIDENT | {"since": "at noon"}]}, "monitor", MONITOR)
    assert parsed.drafts[0].starts_at_ms == 0
    assert "unread_starts_at" in parsed.drafts[0].tags


def test_a_cloudevent_may_carry_a_generic_source() -> None:
    config = configured(
        fields={"name": "what", "status": {"const": "firing"}}, types=["com.example.odd"]
    )
    event = EVENT | {"type": "com.example.odd", "data": {"what": "smoke"}}
    (draft,) = read(event, "cloudevents", config).drafts
    assert (draft.name, draft.source) == ("smoke", "monitor")


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ({"fields": {"name": "a"}}, "fields.status is missing"),
        ({"fields": {"name": "a", "status": "b", "colour": "c"}}, "fields.colour"),
        ({"fields": {"name": "a", "status": "b", "host.x": "c"}}, "fields.host.x"),
        ({"fields": {"name": "$.a[", "status": "b"}}, "no path at character 4"),
        ({"fields": {"name": {"cel": "1 +"}, "status": "b"}}, "no CEL expression"),
        ({"fields": {"name": {"cel": "1", "path": "a"}, "status": "b"}}, "one of path, cel"),
        ({"fields": {"name": "a", "status": "b"}, "statuses": {"a": "x"}}, "statuses.a"),
        ({"fields": {"name": "a", "status": "b"}, "severities": {"a": "x"}}, "severities.a"),
        ({"fields": {"name": "a", "status": "b"}, "each": "a b["}, "no path"),
    ],
)
def test_a_generic_source_is_checked_when_it_is_declared(
    source: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=complaint.replace("[", r"\[")):
        configured(**source)


def test_a_format_that_nobody_knows_is_refused_by_name() -> None:
    parsed = read({}, "nosuch", MONITOR)
    assert parsed.rejected[0].reason == "unknown_format"
    assert "monitor" in parsed.rejected[0].detail
