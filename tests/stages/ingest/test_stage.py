"""The stage on the real Task: records in, alerts and dead letters out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.domain.ids import fingerprint
from pipeline.domain.wiring import Wiring
from pipeline.stages.enrich import build as build_enrich
from pipeline.stages.ingest import build as build_ingest
from tests.chain import START_MS, Chain

LOOKUPS: dict[str, dict[str, Any]] = {"services": {}, "changes": {}}


def chain() -> Chain:
    wiring = Wiring()
    return Chain(
        [build_ingest(wiring), build_enrich(wiring)], writes=("alerts", "audit"), lookups=LOOKUPS
    )


def body(*alerts: dict[str, Any]) -> bytes:
    return json.dumps(alerts).encode()


def test_a_native_record_becomes_an_alert() -> None:
    intake = chain()
    intake.send("raw-alerts", "k", b'{"name":"a","status":"firing"}', {"format": "native"})
    (alert,) = intake.outputs("alerts")
    assert (alert.name, alert.status, alert.severity) == ("a", "firing", "unknown")
    assert alert.alert_id == "o-raw-alerts:0:0:0"
    assert alert.received_at_ms == alert.starts_at_ms == intake.now_ms
    assert alert.trace_id


def test_bad_members_are_dead_lettered_and_the_good_ones_go_on() -> None:
    intake = chain()
    raw = body({"name": "a", "status": "firing"}, {"status": "firing"}, {"name": "c"})
    intake.send("raw-alerts", "k", raw, {"format": "native"})
    assert [alert.name for alert in intake.outputs("alerts")] == ["a"]
    letters = intake.outputs("dead-letters")
    assert [(letter.reason, letter.index) for letter in letters] == [("invalid", 1), ("invalid", 2)]
    assert letters[0].detail.startswith("[1].name: ")
    assert letters[0].value == raw


def test_a_record_of_bad_members_makes_a_bounded_number_of_dead_letters() -> None:
    intake = chain()
    intake.send("raw-alerts", "k", body(*[{"name": "a"}] * 500), {"format": "native"})
    letters = intake.outputs("dead-letters")
    assert len(letters) == 11
    assert letters[-1].detail.startswith("490 more members")


def test_an_idempotency_key_names_alerts_wherever_they_lie() -> None:
    intake = chain()
    headers = {"format": "native", "idempotency-key": "key"}
    raw = body({"name": "a", "status": "firing"}, {"name": "b", "status": "firing"})
    intake.send("raw-alerts", "k", raw, headers)
    intake.send("raw-alerts", "k", b'{"name":"b","status":"firing","index":1}', headers)
    ids = [alert.alert_id for alert in intake.outputs("alerts")]
    assert ids[0] != ids[1] == ids[2]
    assert all(one.startswith("k-") for one in ids)


def test_a_key_of_one_tenant_is_not_that_of_another() -> None:
    intake = chain()
    for tenant in ("red", "blue"):
        headers = {"format": "native", "idempotency-key": "key", "tenant": tenant}
        intake.send("raw-alerts", "k", body({"name": "a", "status": "firing"}), headers)
    red, blue = intake.outputs("alerts")
    assert red.alert_id != blue.alert_id


def test_the_age_of_a_backlog_resolves_nothing() -> None:
    intake = chain()
    written_at_ms = intake.now_ms - 3_600_000
    raw = body({"name": "a", "status": "firing", "ends_at_ms": written_at_ms + 1})
    intake.send("raw-alerts", "k", raw, {"format": "native"}, at_ms=written_at_ms)
    (alert,) = intake.outputs("alerts")
    assert alert.status == "firing"
    assert alert.received_at_ms == written_at_ms


LABELS = {"alertname": "A", "severity": "page", "env": "prod"}
EVENT = {"@timestamp": "2026-01-01T00:00:00Z", "data": {"alertGrouped": {}}, "instance": "am"}


@pytest.mark.parametrize(
    "value",
    [
        {"alerts": [{"labels": LABELS, "status": "firing"}], "@timestamp": "x"},
        {"labels": LABELS, "status": "firing", "startsAt": "2023-11-14T22:00:00Z"},
        [{"labels": LABELS, "startsAt": "2023-11-14T22:00:00Z"}],
        {
            "specversion": "1.0",
            "id": "1",
            "source": "s",
            "type": "t",
            "data": {"alerts": [{"labels": LABELS}]},
        },
    ],
)
def test_records_of_foreign_producers_are_sniffed(value: Any) -> None:
    intake = chain()
    intake.send("raw-alerts", "", json.dumps(value).encode())
    (alert,) = intake.outputs("alerts")
    assert (alert.name, alert.severity, alert.environment) == ("A", "critical", "prod")
    assert alert.fingerprint == fingerprint(LABELS)
    assert intake.outputs("dead-letters") == []


def test_an_event_that_is_no_alert_is_counted_and_left_out() -> None:
    intake = chain()
    intake.send("raw-alerts", "", json.dumps(EVENT).encode())
    assert intake.outputs("alerts") == intake.outputs("dead-letters") == []
    assert intake.reasons == {"ingest.skipped": 1}


def test_alerts_that_the_sender_cut_off_are_told() -> None:
    intake = chain()
    group = {"alerts": [{"labels": LABELS}], "truncatedAlerts": 3}
    intake.send("raw-alerts", "", json.dumps(group).encode(), {"format": "alertmanager"})
    assert len(intake.outputs("alerts")) == 1
    (told,) = intake.outputs("audit")
    assert "3" in told.text


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (b"\xc3\x01avro", {}, "not_avro"),
        (b"\x00\x00\x00\x00\x07body", {}, "not_avro"),
        (b"\x00\x00\x00\x00", {}, "not_json"),
        (b"", {}, "empty"),
        (b"", {"ce_id": "7", "ce_source": "s", "ce_type": "t", "ce_specversion": "1.0"}, "empty"),
        (b"{}", {"ce_specversion": "1.0"}, "invalid"),
        (b'{"name":"a","status":"firing"}', {"tenant": "Red Team"}, "no_tenant"),
        (b'{"name":"a","status":"firing"}', {"tenant": "\ufffd\ufffd"}, "no_tenant"),
        (b"{}", {}, "invalid"),
        (b"{}", {"format": "nosuch"}, "unknown_format"),
        (b"[" * 100_000, {}, "too_deep"),
    ],
)
def test_what_no_format_fits_is_a_dead_letter_with_its_bytes(
    value: bytes, headers: dict[str, str], reason: str
) -> None:
    intake = chain()
    intake.send("raw-alerts", "", value, headers)
    (letter,) = intake.outputs("dead-letters")
    assert (letter.reason, letter.value, letter.index) == (reason, value, -1)
    assert intake.reasons == {f"dead-letter.{reason}": 1}


def test_a_redelivered_cloudevent_has_the_same_id() -> None:
    intake = chain()
    headers = {"ce_specversion": "1.0", "ce_id": "7", "ce_source": "s", "ce_type": "t.firing"}
    for _ in range(2):
        intake.send("raw-alerts", "", b'{"name":"a"}', headers)
    first, second = intake.outputs("alerts")
    assert first.alert_id == second.alert_id
    assert first.alert_id.startswith("k-")


def test_a_record_without_a_value_is_no_tombstone() -> None:
    intake = chain()
    record = intake.record("raw-alerts", "k", b"")
    record.value = None
    intake.run([record, intake.record("raw-alerts", "k", b'{"name":"a","status":"firing"}')])
    (letter,) = intake.outputs("dead-letters")
    assert (letter.reason, letter.value) == ("empty", b"")
    assert len(intake.outputs("alerts")) == 1


@pytest.mark.parametrize(
    "written_at_ms", [-1, 0, 1_700_000_000, -(2**62), 2**62, START_MS + 3_600_000]
)
def test_the_clock_of_a_foreign_producer_is_not_believed(written_at_ms: int) -> None:
    intake = chain()
    raw = b'{"name":"a","status":"firing"}'
    intake.send("raw-alerts", "", raw, at_ms=written_at_ms)
    (alert,) = intake.outputs("alerts")
    assert alert.received_at_ms == alert.starts_at_ms == intake.now_ms


def test_headers_of_foreign_producers_are_read_in_any_case() -> None:
    intake = chain()
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": "t.firing"}
    raw = json.dumps(event | {"data": {"name": "a"}}).encode()
    headers = {"Content-Type": "Application/CloudEvents+JSON; charset=utf-8", "Source": "bridge"}
    intake.send("raw-alerts", "", raw, headers)
    (alert,) = intake.outputs("alerts")
    assert (alert.name, alert.source) == ("a", "s")
