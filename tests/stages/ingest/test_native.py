"""Native alerts: what is read, what is refused and where it says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.stages.ingest import IngestConfig, draft_fingerprint, encode_draft, parse

CONFIG = IngestConfig()
NOW_MS = 1_700_000_000_000


def read(value: Any) -> Any:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return parse(body, "native", {}, CONFIG, NOW_MS)


def test_name_and_status_are_enough() -> None:
    parsed = read({"name": "disk full", "status": "firing"})
    assert [draft.name for draft in parsed.drafts] == ["disk full"]
    assert parsed.rejected == ()


def test_what_the_edge_writes_is_read_back_the_same() -> None:
    given = read(
        [
            {"name": "a", "status": "OK", "starts_at": "2026-01-02T03:04:05.678+02:00"},
            {"name": "b", "status": "firing", "value": 1.5, "labels": {"x": "ü"}, "tags": ["t"]},
        ]
    )
    for draft in given.drafts:
        again = parse(encode_draft(draft), "native", {}, CONFIG, NOW_MS)
        assert again.drafts == (draft,)
        assert again.drafts[0].fingerprint == draft_fingerprint(draft, CONFIG)
    assert [draft.index for draft in given.drafts] == [0, 1]


@pytest.mark.parametrize(
    ("value", "reason", "path"),
    [
        (b"", "not_json", ""),
        (b"not json", "not_json", ""),
        (b'{"name": "x"', "not_json", ""),
        (b'{"name": "\xff", "status": "firing"}', "not_json", ""),
        (b"[" * 100_000, "too_deep", ""),
        (b'{"name":"x","status":"firing","deep":' + b"[" * 100_000, "too_deep", ""),
        (b'"text"', "invalid", ""),
        (b"null", "invalid", ""),
        ({"status": "firing"}, "invalid", "name"),
        ({"name": "x"}, "invalid", "status"),
        ({"name": "", "status": "firing"}, "invalid", "name"),
        ({"name": "x", "status": "perhaps"}, "unknown_status", "status"),
        ({"name": "x", "status": "firing", "starts_at": "today"}, "invalid", "starts_at"),
        ({"name": "x", "status": "firing", "starts_at_ms": -1}, "invalid", "starts_at_ms"),
        ({"name": "x", "status": "firing", "ends_at_ms": 10**30}, "invalid", "ends_at_ms"),
        ({"name": "x", "status": "firing", "value": "much"}, "invalid", "value"),
        ({"name": "x", "status": "firing", "labels": {"a": 1}}, "invalid", "labels[...]"),
        ({"name": "x", "status": "firing", "tags": ["a", 1]}, "invalid", "tags[1]"),
        ({"name": "x", "status": "firing", "version": 2**31}, "invalid", "version"),
        (b'{"name":"x","status":"firing","value":1e999}', "invalid", "value"),
    ],
)
def test_bad_input_is_refused_with_its_path(value: Any, reason: str, path: str) -> None:
    parsed = read(value)
    assert parsed.drafts == ()
    assert [(one.reason, one.path) for one in parsed.rejected] == [(reason, path)]
    assert parsed.rejected[0].detail


def test_the_good_members_of_a_batch_are_kept() -> None:
    parsed = read(
        [
            {"name": "a", "status": "firing"},
            {"name": "b", "status": "perhaps"},
            {"name": "c", "status": "firing", "starts_at": 3},
            {"name": "d", "status": "resolved"},
        ]
    )
    assert [(draft.name, draft.index) for draft in parsed.drafts] == [("a", 0), ("d", 3)]
    assert {(one.index, one.path) for one in parsed.rejected} == {
        (1, "[1].status"),
        (2, "[2].starts_at"),
    }


def test_one_member_that_is_not_utf8_does_not_take_its_batch_along() -> None:
    body = b'[{"name":"a","status":"firing"},{"name":"\xff","status":"firing"}]'
    parsed = read(body)
    assert [draft.name for draft in parsed.drafts] == ["a"]
    assert [one.path for one in parsed.rejected] == ["[1]"]


def test_a_batch_over_the_limit_is_refused_whole() -> None:
    config = IngestConfig(members_max=2)
    body = json.dumps([{"name": "a", "status": "firing"}] * 3).encode()
    parsed = parse(body, "native", {}, config, NOW_MS)
    assert parsed.drafts == ()
    assert [(one.reason, one.index) for one in parsed.rejected] == [("too_many", -1)]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (rb'{"name":"a\ud800b","status":"firing"}', "a\ufffdb"),
        (rb'{"name":"\ud83d\ude00","status":"firing"}', "\U0001f600"),
        (rb'{"name":"a\u0000b","status":"firing"}', "a\ufffdb"),
        (rb'{"name":"a\\u0000b","status":"firing"}', r"a\u0000b"),
        (b'\xef\xbb\xbf{"name":"bom","status":"firing"}', "bom"),
        (b'{"name":"nan","status":"firing","value":NaN}', "nan"),
        (b'{"name":"inf","status":"firing","value":-Infinity}', "inf"),
        (b'{"name":"one","name":"two","status":"firing"}', "two"),
        (b'{"name":"NaN","status":"firing","threshold":NaN}', "NaN"),
    ],
)
def test_what_producers_get_wrong_is_mended(body: bytes, name: str) -> None:
    parsed = read(body)
    assert parsed.rejected == ()
    assert parsed.drafts[0].name == name
    assert parse(encode_draft(parsed.drafts[0]), "native", {}, CONFIG, 0).drafts == parsed.drafts


def test_the_header_source_names_who_sent_it() -> None:
    parsed = parse(b'{"name":"a","status":"ok"}', "native", {"source": "cron"}, CONFIG, NOW_MS)
    assert parsed.drafts[0].source == "cron"
