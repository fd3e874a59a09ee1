"""Real captures of Alertmanager and Grafana: what they send is read, and identity is rebuilt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.stages.ingest import Draft, IngestConfig, normalise, parse
from pipeline.stages.ingest.sniff import sniff

SAMPLES = Path(__file__).resolve().parents[3].parent / "shared" / "samples"
pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the captures (../shared/samples) are not beside this checkout"
)
CONFIG = IngestConfig()
NOW_MS = 1_800_000_000_000

CAPTURES = (
    "alertmanager_0.25_captured.jsonl",
    "alertmanager_0.25_ha_capture.jsonl",
    "alertmanager_0.25_splitbrain_capture.jsonl",
    "alertmanager_0.33.1_captured.jsonl",
)
REBUILT = (*CAPTURES[:1], *CAPTURES[3:])
EVENTS = "alertmanager/eventrecorder_0.33.1_real.jsonl"


def webhooks(name: str) -> Iterator[dict[str, Any]]:
    """The bodies that the webhook receiver got."""
    for line in (SAMPLES / name).read_text().splitlines():
        posted = json.loads(line)
        body = posted.get("body")
        if isinstance(body, dict) and "alerts" in body:
            yield body


def without_fingerprints(body: dict[str, Any]) -> dict[str, Any]:
    """The group as a bridge to Kafka sends it on."""
    alerts = [{k: v for k, v in one.items() if k != "fingerprint"} for one in body["alerts"]]
    return body | {"alerts": alerts, "@timestamp": "2026-01-01T00:00:00Z"}


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("name", REBUILT)
@pytest.mark.parametrize("is_bridged", [False, True])
def test_a_webhook_gives_the_fingerprints_that_alertmanager_gives(
    name: str, is_bridged: bool
) -> None:
    bodies = list(webhooks(name))
    assert bodies
    for body in bodies:
        sent = encoded(without_fingerprints(body) if is_bridged else body)
        assert sniff(sent, {}) == "alertmanager"
        parsed = parse(sent, "alertmanager", {}, CONFIG, NOW_MS)
        assert parsed.rejected == ()
        assert [draft.fingerprint for draft in parsed.drafts] == [
            one["fingerprint"] for one in body["alerts"]
        ]
        assert [draft.status for draft in parsed.drafts] == [
            one["status"] for one in body["alerts"]
        ]
        assert {draft.source_id for draft in parsed.drafts} == {body["externalURL"]}


@pytest.mark.parametrize("name", CAPTURES)
def test_one_alert_alone_is_read_as_a_forwarder_sends_it(name: str) -> None:
    for body in webhooks(name):
        for one in body["alerts"]:
            sent = encoded(one)
            assert sniff(sent, {}) == "alertmanager"
            (draft,) = parse(sent, "alertmanager", {}, CONFIG, NOW_MS).drafts
            assert draft.fingerprint == one["fingerprint"]
            assert draft.name == one["labels"]["alertname"]


def test_the_states_of_one_alert() -> None:
    states = json.loads((SAMPLES / "alertmanager_0.25_webhook_states.json").read_text())
    read = 0
    for state in states.values():
        if not isinstance(state, dict) or "alerts" not in state.get("body", {}):
            continue
        body = state["body"]
        parsed = parse(encoded(without_fingerprints(body)), "", {}, CONFIG, NOW_MS)
        given = [(one["fingerprint"], one["status"]) for one in body["alerts"]]
        assert [(draft.fingerprint, draft.status) for draft in parsed.drafts] == given
        read += 1
    assert read >= 2


@pytest.mark.parametrize("name", REBUILT)
def test_a_firing_alert_is_open_and_a_resolved_one_has_its_end(name: str) -> None:
    for body in webhooks(name):
        for draft in parse(encoded(body), "alertmanager", {}, CONFIG, NOW_MS).drafts:
            alert = normalise(
                draft, alert_id="x", now_ms=NOW_MS, timestamp_ms=0, trace_id="", config=CONFIG
            )
            assert alert.severity == "critical"
            assert alert.starts_at_ms > 0
            assert (alert.ends_at_ms == 0) is alert.is_firing
            assert alert.instance == alert.labels["instance"]
            assert (alert.description == "CPU above 90%") is ("summary" in alert.annotations)


def test_the_fixture_of_alerta() -> None:
    body = (SAMPLES / "alerta_webhook_fixtures" / "prometheus_v4_alert.json").read_bytes()
    (draft,) = parse(body, "", {}, CONFIG, NOW_MS).drafts
    assert draft.name == "thing_dead"
    assert draft.starts_at_ms == 1_501_787_857_804
    assert draft.ends_at_ms == 0
    assert len(draft.fingerprint) == 16


def test_what_grafana_adds_is_kept() -> None:
    body = (SAMPLES / "samples" / "grafana_unified_webhook.json").read_bytes()
    (draft,) = parse(body, "", {}, CONFIG, NOW_MS).drafts
    assert (draft.source, draft.name, draft.status) == ("grafana", "High memory usage", "firing")
    assert draft.fingerprint == json.loads(body)["alerts"][0]["fingerprint"]
    assert json.loads(draft.annotations["values"]) == {"B": 44.23943737541908, "C": 1}
    assert draft.value is None  # two values: which of them is the alert's, nobody says
    assert draft.annotations["silence_url"].startswith("https://play.grafana.org/alerting/silence")


def test_the_event_recorder_tells_of_one_alert_twice() -> None:
    drafts, skipped = list[Draft](), list[str]()
    for line in (SAMPLES / EVENTS).read_bytes().splitlines():
        assert sniff(line, {}) == "alertmanager-events"
        parsed = parse(line, "", {}, CONFIG, NOW_MS)
        assert parsed.rejected == ()
        assert parse(line, "alertmanager", {}, CONFIG, NOW_MS) == parsed
        drafts.extend(parsed.drafts)
        skipped.extend(parsed.skipped)
    assert [draft.status for draft in drafts] == ["firing", "resolved"]
    webhook = next(webhooks("alertmanager_0.33.1_captured.jsonl"))["alerts"][0]
    assert {draft.fingerprint for draft in drafts} == {webhook["fingerprint"]}
    assert [draft.labels for draft in drafts] == [webhook["labels"]] * 2
    # Repetitions are not recorded, so an end that they would move on must not be believed.
    assert drafts[0].ends_at_ms == 0
    assert drafts[1].ends_at_ms > drafts[1].starts_at_ms
    assert sorted(set(skipped)) == [
        "event alertGrouped",
        "event alertmanagerShutdownEvent",
        "event alertmanagerStartupEvent",
        "event notification",
    ]


def test_an_event_without_its_fingerprint_gets_the_same_one() -> None:
    samples = json.loads((SAMPLES / "alertmanager/eventrecorder_kafka_samples.json").read_text())
    event = samples[0]
    (given,) = parse(encoded(event), "", {}, CONFIG, NOW_MS).drafts
    assert given.fingerprint == "712df969fd825932"
    del event["data"]["alertCreated"]["alert"]["fingerprint"]
    (rebuilt,) = parse(encoded(event), "", {}, CONFIG, NOW_MS).drafts
    assert rebuilt.labels == given.labels
    assert len(rebuilt.fingerprint) == 16


@pytest.mark.parametrize(
    "kind", ["alerta_webhook_fixtures", "keep_mocks", "samples", "cloudevents"]
)
def test_what_other_products_send_is_refused_or_read_but_never_raises(kind: str) -> None:
    read = 0
    for path in sorted((SAMPLES / kind).glob("*.json")):
        for format_name in ("", "native", "alertmanager", "alertmanager-v2", "cloudevents"):
            parsed = parse(path.read_bytes(), format_name, {}, CONFIG, NOW_MS)
            assert parsed.drafts or parsed.rejected or parsed.skipped or parsed.array is not None
            read += 1
    assert read
