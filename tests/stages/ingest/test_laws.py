"""Laws of ingest: whatever the bytes, parse answers; what it accepts goes all the way."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pipeline.codec import decode, encode
from pipeline.domain.alert import Alert
from pipeline.stages.ingest import (
    IngestConfig,
    Parsed,
    draft_fingerprint,
    encode_draft,
    normalise,
    parse,
)
from pipeline.stages.ingest.config import FORMATS, SourceConfig
from pipeline.stages.ingest.picks import Pick

CONFIG = IngestConfig(
    sources={
        "odd": SourceConfig(
            each="alerts",
            fields={
                "name": "name",
                "status": Pick(cel="event.status", default="firing"),
                "labels": "labels",
                "starts_at": "startsAt",
                "value": "value",
                "tags": "data",
            },
        )
    }
)
NOW_MS = 1_700_000_000_000
FORMAT_NAMES = st.sampled_from(["", *FORMATS, "odd", "nosuch"])

WORDS = """name status labels annotations alerts startsAt endsAt starts_at ends_at_ms data
specversion id source type fingerprint severity value tags @timestamp alertCreated alertResolved
alert details key group_key values alertname data_base64 version"""
KEYS = st.sampled_from(sorted(WORDS.split())) | st.text(max_size=5)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**17, max_value=10**400)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["firing", "resolved", "1.0", "0001-01-01T00:00:00Z", "\x00", "critical"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)
TEXTS = st.text(max_size=30)
ALERTS = st.fixed_dictionaries(
    {"name": st.text(min_size=1, max_size=30), "status": st.sampled_from(["firing", "OK"])},
    optional={
        "labels": st.dictionaries(TEXTS, TEXTS, max_size=5),
        "annotations": st.dictionaries(TEXTS, TEXTS, max_size=5),
        "severity": TEXTS,
        "service": TEXTS,
        "fingerprint": TEXTS,
        "starts_at_ms": st.integers(0, 253_402_300_799_999),
        "ends_at_ms": st.integers(0, 253_402_300_799_999),
        "value": st.none() | st.floats(allow_nan=True),
        "tags": st.lists(TEXTS, max_size=4),
        "is_test": st.booleans(),
    },
)
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "ce-id", "ce_id", "ce-specversion", "ce-type", "ce-source"]),
    st.sampled_from(["application/cloudevents+json", "1.0", "x", "%zz", "", "a.resolved"]),
)


def read(body: bytes, format_name: str, headers: dict[str, str] | None = None) -> Parsed:
    parsed = parse(body, format_name, headers or {}, CONFIG, NOW_MS)
    assert isinstance(parsed, Parsed)
    return parsed


def check_goes_through(parsed: Parsed) -> None:
    """Each draft survives the edge's record, gives one alert and is encoded for its topic."""
    for draft in parsed.drafts:
        (again,) = read(encode_draft(draft), "native").drafts
        assert again.fingerprint == draft.fingerprint == draft_fingerprint(draft, CONFIG)
        alert = normalise(
            again, alert_id="x", now_ms=NOW_MS, timestamp_ms=NOW_MS, trace_id="", config=CONFIG
        )
        assert alert.status in ("firing", "resolved")
        assert alert.ends_at_ms == 0 or alert.ends_at_ms >= alert.starts_at_ms
        assert repr(decode(Alert, encode(alert))) == repr(alert)  # by text: NaN is not itself


@given(st.binary(max_size=200), FORMAT_NAMES, HEADERS)
def test_any_bytes_get_an_answer(body: bytes, format_name: str, headers: dict[str, str]) -> None:
    check_goes_through(read(body, format_name, headers))


@given(VALUES, FORMAT_NAMES, HEADERS)
def test_any_json_gets_an_answer(value: Any, format_name: str, headers: dict[str, str]) -> None:
    check_goes_through(read(json.dumps(value).encode(), format_name, headers))


@given(VALUES, st.integers(0, 300), st.binary(max_size=3), FORMAT_NAMES)
def test_broken_json_gets_an_answer(value: Any, at: int, junk: bytes, format_name: str) -> None:
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    check_goes_through(read(body[:at] + junk + body[at + 1 :], format_name))


@given(st.lists(ALERTS, max_size=5))
def test_every_good_alert_is_read(alerts: list[dict[str, Any]]) -> None:
    parsed = read(json.dumps(alerts).encode(), "native")
    assert parsed.rejected == ()
    assert len(parsed.drafts) == len(alerts)
    check_goes_through(parsed)


@given(st.lists(ALERTS | VALUES, max_size=6))
def test_members_are_either_read_or_refused(alerts: list[Any]) -> None:
    parsed = read(json.dumps(alerts).encode(), "native")
    read_at = [draft.index for draft in parsed.drafts]
    refused_at = [one.index for one in parsed.rejected]
    assert sorted(read_at + refused_at) == list(range(len(alerts)))


@given(ALERTS, st.randoms())
def test_the_order_of_labels_and_fields_changes_no_identity(
    alert: dict[str, Any], dice: Any
) -> None:
    shuffled = list(alert.items())
    dice.shuffle(shuffled)
    other = dict(shuffled)
    if "labels" in other:
        pairs = list(other["labels"].items())
        dice.shuffle(pairs)
        other["labels"] = dict(pairs)
    one, two = (read(json.dumps(given).encode(), "native").drafts[0] for given in (alert, other))
    assert one.fingerprint == two.fingerprint


def test_a_bomb_of_brackets_gets_an_answer_in_every_format() -> None:
    for bomb in (b"[" * 200_000, b'{"alerts":' * 50_000, b'[{"labels":' + b"[" * 100_000):
        for format_name in ("", *FORMATS, "odd"):
            assert read(bomb, format_name).rejected


def test_a_body_of_quotes_is_read_in_linear_time() -> None:
    # Quadratic, this would take hours.
    for bomb in (b'\\"' * 2_000_000, b'"' + b'\\"' * 2_000_000, b'["' + b"\\u0000" * 500_000):
        assert read(bomb, "native").rejected


def test_numbers_of_any_size_get_an_answer() -> None:
    for number in ("1" * 10_000, "1e9999", "-" + "9" * 400, "0." + "1" * 10_000):
        body = f'{{"name":"a","status":"firing","value":{number},"starts_at_ms":{number}}}'
        for format_name in ("", *FORMATS, "odd"):
            assert msgspec.structs.asdict(read(body.encode(), format_name))["rejected"]
