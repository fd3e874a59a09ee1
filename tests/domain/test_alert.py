"""What an alert says under a name, and how severities are ordered."""

from __future__ import annotations

import pytest

from pipeline.domain.alert import SEVERITIES, severity_rank
from tests.stages.correlate.alerts import firing


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("region", {"region": "field"}, "field"),
        ("region", {"region": ""}, "label"),
        ("team", {}, "label"),
        ("is_test", {}, "label"),
        ("is_firing", {}, ""),
        ("value", {"value": 1.0}, ""),
        ("text", {}, ""),
        ("absent", {}, ""),
    ],
)
def test_a_field_comes_before_a_label(name: str, fields: dict[str, object], expected: str) -> None:
    labels = {"region": "label", "team": "label", "is_test": "label"}
    assert firing("A", labels=labels, **fields).text(name) == expected


def test_severities_are_ordered_and_foreign_words_are_unknown() -> None:
    assert [severity_rank(word) for word in SEVERITIES] == [0, 1, 2, 3, 4]
    assert severity_rank("page") == 0
