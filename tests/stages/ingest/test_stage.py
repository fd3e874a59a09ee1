"""The stage on the real Task: records in, alerts and dead letters out."""

from __future__ import annotations

import json
from typing import Any

from pipeline.domain.wiring import Wiring
from pipeline.stages.enrich import build as build_enrich
from pipeline.stages.ingest import build as build_ingest
from tests.chain import Chain


def chain() -> Chain:
    wiring = Wiring()
    return Chain([build_ingest(wiring), build_enrich(wiring)], writes=("alerts", "audit"))


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
