"""A file to try: whole, or sections over the rules that were in force, complaints by its lines."""

from __future__ import annotations

import pytest

from pipeline.app.backtest.rules import Variant
from pipeline.domain.errors import UsageError
from pipeline.topology.complaint import TopologyError

FORCE = """# in force
version: 1
receivers:
  on-call: {sink: pagerduty, routing_key: "env:KEY"}

routes: {receiver: on-call}
pause: {severities: [warning]}
correlate:
  quiet: 1m
"""


def variant(text: str) -> Variant:
    return Variant(text, "new.yaml", {"h": FORCE}.__getitem__)


def test_sections_replace_those_in_force() -> None:
    found = variant("# new\ncorrelate: {quiet: 5m}\nroutes: {receiver: none}\n")("h")
    assert found.sections["correlate"].quiet == 300_000
    assert found.sections["routes"].receiver == "none"
    assert found.sections["pause"].severities == ("warning",)
    assert list(found.sections["receivers"]) == ["on-call"]


def test_a_whole_file_stands_for_itself() -> None:
    text = 'receivers: {a: {sink: pagerduty, routing_key: "env:K"}}\nroutes: {receiver: a}\n'
    found = variant(text)("h")
    assert found.sections["pause"].severities == ()
    assert list(found.sections["receivers"]) == ["a"]


def test_the_last_line_of_what_is_in_force_counts() -> None:
    found = variant("pause: {severities: [info]}")("h")
    assert found.sections["correlate"].quiet == 60_000


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("\nroutes: {receiver: nobody-there}\n", "new.yaml:2:20"),
        ("pause:\n  severities: [loud]\n", "new.yaml:2:"),
        ("routes: {receiver: none}\nrout: 1\n", "new.yaml:2:1"),
        ("routes: [", "new.yaml:"),
    ],
)
def test_what_is_wrong_has_its_place(text: str, place: str) -> None:
    with pytest.raises(TopologyError) as raised:
        variant(text)("h")
    assert str(raised.value).startswith(place)


def test_what_does_not_go_together_asks_for_the_whole_file() -> None:
    with pytest.raises(UsageError, match=r"rules that were in force are wrong.*the whole"):
        variant('receivers: {b: {sink: pagerduty, routing_key: "env:K"}}\n')("h")
    with pytest.raises(UsageError, match="in braces"):
        variant("{pause: {severities: []}}")("h")
