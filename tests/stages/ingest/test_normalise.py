"""Normalising: severities, fields, times, texts and identity, as tables of cases."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.domain.alert import Alert
from pipeline.domain.ids import fingerprint
from pipeline.domain.units import Size
from pipeline.stages.ingest import Draft, IngestConfig, draft_fingerprint, normalise
from pipeline.stages.ingest.cut import cut, within_limits

NOW_MS = 1_700_000_000_000
MINUTE_MS = 60_000
CONFIG = IngestConfig()


def made(config: IngestConfig = CONFIG, **fields: Any) -> Alert:
    draft = Draft(**{"name": "a", "status": "firing"} | fields)
    return normalise(
        draft, alert_id="id", now_ms=NOW_MS + 5, timestamp_ms=NOW_MS, trace_id="t", config=config
    )


@pytest.mark.parametrize(
    ("given", "severity"),
    [
        ("critical", "critical"),
        ("CRITICAL", "critical"),
        ("disaster", "critical"),
        ("P1", "critical"),
        ("Sev1", "error"),
        (" high ", "error"),
        ("average", "warning"),
        ("Not classified", "info"),
        ("none", "info"),
        ("purple", "unknown"),
        ("", "unknown"),
    ],
)
def test_severities_are_normalised_and_what_was_given_is_kept(given: str, severity: str) -> None:
    alert = made(severity=given)
    assert alert.severity == severity
    kept = alert.annotations.get("severity_given", severity if given else "")
    assert kept == given


def test_words_can_be_declared() -> None:
    config = IngestConfig(severities={"Purple": "error"}, statuses={"Burning": "firing"})
    alert = made(config, severity="purple", status="burning")
    assert (alert.severity, alert.status) == ("error", "firing")


@pytest.mark.parametrize(
    ("labels", "field", "value"),
    [
        ({"env": "prod"}, "environment", "prod"),
        ({"environment": "a", "env": "b"}, "environment", "a"),
        ({"environment": "", "env": "b"}, "environment", "b"),
        ({"node": "n1"}, "host", "n1"),
        ({"region": "eu"}, "region", "eu"),
        ({"cluster": "c"}, "cluster", "c"),
        ({"namespace": "n"}, "namespace", "n"),
        ({"instance": "i:1"}, "instance", "i:1"),
        ({"job": "node"}, "service", ""),
        ({"severity": "page"}, "severity", "critical"),
    ],
)
def test_well_known_labels_fill_fields(labels: dict[str, str], field: str, value: str) -> None:
    alert = made(labels=labels)
    assert getattr(alert, field) == value
    assert alert.labels == labels


def test_a_field_of_its_own_counts_more_than_a_label() -> None:
    assert made(service="own", labels={"service": "label"}).service == "own"


def test_the_labels_of_a_field_can_be_declared() -> None:
    config = IngestConfig(labels_to_fields={"service": ("app", "job")})
    assert made(config, labels={"job": "node", "app": ""}).service == "node"


@pytest.mark.parametrize(
    ("annotations", "description"),
    [
        ({"summary": "s", "description": "d"}, "d"),
        ({"summary": "s", "message": "m"}, "s"),
        ({"message": "m"}, "m"),
        ({"other": "o"}, ""),
    ],
)
def test_an_annotation_stands_in_for_the_description(
    annotations: dict[str, str], description: str
) -> None:
    assert made(annotations=annotations).description == description


@pytest.mark.parametrize(
    ("status", "starts", "ends", "expected"),
    [
        ("firing", 0, 0, ("firing", 0, None, False)),
        ("firing", -10, 0, ("firing", -10, None, False)),
        ("firing", 1, 0, ("firing", 1, None, False)),
        ("firing", 60, 0, ("firing", 0, None, True)),
        ("firing", -10, 10, ("firing", -10, 10, False)),
        ("firing", -10, -5, ("resolved", -10, -5, False)),
        ("resolved", -10, -5, ("resolved", -10, -5, False)),
        ("resolved", -10, None, ("resolved", -10, 0, False)),
        ("resolved", -10, 60, ("resolved", -10, 0, False)),
        ("resolved", -5, -10, ("resolved", -10, -10, True)),
        ("resolved", None, -10, ("resolved", -10, -10, False)),
        ("ok", None, None, ("resolved", 0, 0, False)),
    ],
)
def test_times_are_held_against_the_arrival(
    status: str, starts: int | None, ends: int | None, expected: tuple[Any, ...]
) -> None:
    """Minutes from the arrival; None: not given; an end of 0 minutes is not given here."""
    alert = made(
        status=status,
        starts_at_ms=NOW_MS + starts * MINUTE_MS if starts is not None else 0,
        ends_at_ms=NOW_MS + ends * MINUTE_MS if ends else 0,
    )
    wanted_status, wanted_start, wanted_end, is_skewed = expected
    assert alert.status == wanted_status
    assert alert.starts_at_ms == NOW_MS + wanted_start * MINUTE_MS
    assert alert.ends_at_ms == (0 if wanted_end is None else NOW_MS + wanted_end * MINUTE_MS)
    assert ("clock_skew" in alert.tags) is is_skewed
    assert ("starts_at_given" in alert.annotations) is is_skewed
    assert alert.received_at_ms == NOW_MS


@pytest.mark.parametrize(
    ("given", "ms"),
    [
        (datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), NOW_MS),
        (datetime(2023, 11, 14, 22, 13, 20), NOW_MS),  # noqa: DTZ001 - what producers send
        (datetime(1, 1, 1, tzinfo=UTC), NOW_MS),
        (datetime(1969, 1, 1, tzinfo=UTC), NOW_MS),
    ],
)
def test_rfc_3339_is_read_and_the_year_one_is_no_time(given: datetime, ms: int) -> None:
    assert made(starts_at=given).starts_at_ms == ms


@pytest.mark.parametrize(
    ("text", "size", "kept"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "abc"),
        ("aé", 3, "aé"),
        ("aéé", 4, "aé"),
        ("\U0001f600\U0001f600", 7, "\U0001f600"),
        ("é", 1, ""),
    ],
)
def test_a_text_is_cut_between_characters(text: str, size: int, kept: str) -> None:
    assert cut(text, size) == kept


@pytest.mark.parametrize(
    "fields",
    [
        {"annotations": {"a": "x" * 100_000}},
        {"annotations": {str(n): "x" for n in range(1000)}},
        {"annotations": {str(n): "é" * 9_000 for n in range(90)}},
        {"labels": {"a": "x" * 100_000}},
        {"labels": {"x" * 100_000: "a"}},
        {"labels": {str(n): "x" for n in range(1000)}},
        {"tags": [str(n) for n in range(1000)]},
        {"tags": ["x" * 100_000]},
        {"name": "x" * 100_000},
        {"description": "é" * 100_000},
        {"group_key": "x" * 100_000},
    ],
)
def test_too_much_is_cut_and_never_refused(fields: dict[str, Any]) -> None:
    alert = made(**fields)
    assert alert.tags[-1] == "truncated"
    assert len(alert.name) <= CONFIG.field_size_max
    assert len(alert.description.encode()) <= CONFIG.annotation_size_max
    assert len(alert.labels) <= CONFIG.labels_max
    assert sum(len(k) + len(v.encode()) for k, v in alert.annotations.items()) <= 252_000
    assert all(len(one) <= CONFIG.field_size_max for pair in alert.labels.items() for one in pair)
    assert alert.fingerprint == draft_fingerprint(
        Draft(**{"name": "a", "status": "firing"} | fields), CONFIG
    )


def test_what_fits_is_not_tagged() -> None:
    config = IngestConfig(annotation_size_max=Size(100))
    assert made(config, annotations={"a": "x" * 100}).tags == ()
    assert made(config, annotations={"a": "x" * 101}).tags == ("truncated",)


def test_unknown_numbers_are_nan() -> None:
    alert = made(threshold=1.0)
    assert math.isnan(alert.value)
    assert alert.threshold == 1.0


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0123456789abcdef", "0123456789abcdef"),
        ("0123456789ABCDEF", "0123456789abcdef"),
    ],
)
def test_a_given_fingerprint_is_kept(given: str, kept: str) -> None:
    assert made(fingerprint=given).fingerprint == kept


def test_any_other_text_is_an_identity_too() -> None:
    one, other = made(fingerprint="host-1/disk"), made(fingerprint="host-2/disk")
    assert one.fingerprint != other.fingerprint
    assert made(fingerprint="host-1/disk", name="b").fingerprint == one.fingerprint
    assert len(one.fingerprint) == 16


def test_identity_is_declared_fields_and_labels() -> None:
    one = made(service="s", labels={"a": "b"})
    assert one.fingerprint == fingerprint({"name": "a", "service": "s", "a": "b"})
    assert made(labels={"a": "b", "service": "s"}).fingerprint == one.fingerprint
    for same in ({"description": "d"}, {"value": 3.0}, {"severity": "info"}, {"status": "ok"}):
        assert made(service="s", labels={"a": "b"}, **same).fingerprint == one.fingerprint
    for change in ({"service": "t"}, {"region": "eu"}, {"name": "b"}, {"labels": {"a": "c"}}):
        given: dict[str, Any] = {"service": "s", "labels": {"a": "b"}} | change
        assert made(**given).fingerprint != one.fingerprint


def test_a_grouping_key_is_kept_for_correlate() -> None:
    assert made(group_key="release-7").annotations == {"group_key": "release-7"}


@pytest.mark.parametrize("name", ["colour", "metric", "fingerprint", "labels"])
def test_only_fields_that_can_identify_are_declared(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        IngestConfig(identity=(name,))
    with pytest.raises(ValueError, match=name):
        IngestConfig(labels_to_fields={name: ("x",)})


@pytest.mark.parametrize("size_bytes", [0, 1, 999, 1_000, 1_001, 10**6])
def test_the_size_of_its_json_changes_nothing_about_a_draft_that_fits(size_bytes: int) -> None:
    draft = Draft(name="A", status="firing", labels={"a": "x" * 200}, tags=["t"])
    assert within_limits(draft, IngestConfig(), size_bytes) == draft


def test_many_short_labels_are_cut_also_in_a_short_json() -> None:
    draft = Draft(name="A", status="firing", labels={str(n): "" for n in range(120)})
    assert len(within_limits(draft, IngestConfig(), 900).labels) == IngestConfig().labels_max
