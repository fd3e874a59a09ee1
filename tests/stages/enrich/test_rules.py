"""Extraction and mapping: what is set, what is left alone, what is refused when declared."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pipeline.domain.alert import Alert
from pipeline.domain.units import decode_unit
from pipeline.stages.enrich import EnrichConfig
from pipeline.stages.enrich.rules import compile_steps


def configured(**section: Any) -> EnrichConfig:
    return msgspec.convert(section, EnrichConfig, dec_hook=decode_unit)


def made(**fields: Any) -> Alert:
    return Alert(**{"alert_id": "x", "fingerprint": "f" * 16, "name": "a"} | fields)


def applied(alert: Alert, **section: Any) -> Alert:
    for step in compile_steps(configured(**section)):
        alert = step.apply(alert)
    return alert


@pytest.mark.parametrize(
    ("source", "pattern", "host", "labels"),
    [
        ("name", r"(?P<host>\S+) is down", "web-1", {}),
        ("name", r"(?P<host>\w+)-(?P<number>\d+) is down", "web", {"number": "1"}),
        ("name", r"(?P<host>\S+) is", "", {}),
        ("name", r"(?:db|web)-(?P<number>\d+) .*", "", {"number": "1"}),
        ("name", r"(?P<host>db)?web-1.*", "", {}),
        ("annotations.summary", r"disk (?P<disk>\S+) full", "", {"disk": "sda"}),
        ("labels.absent", r"(?P<host>.*)", "", {}),
    ],
)
def test_named_groups_become_fields_and_labels(
    source: str, pattern: str, host: str, labels: dict[str, str]
) -> None:
    alert = made(name="web-1 is down", annotations={"summary": "disk sda full"})
    found = applied(alert, extract=[{"from": source, "pattern": pattern}])
    assert (found.host, found.labels) == (host, labels)


def test_extraction_does_not_touch_what_the_sender_said() -> None:
    alert = made(name="web-1 is down", host="own", labels={"number": "own"})
    pattern = r"(?P<host>\w+)-(?P<number>\d+) .*"
    assert applied(alert, extract=[{"from": "name", "pattern": pattern}]) is alert


@pytest.mark.parametrize(
    ("when", "region"),
    [
        ([], "eu"),
        (['cluster=~"eu-.*"'], "eu"),
        (['cluster=~"us-.*"'], ""),
        (['cluster="eu-1"', 'severity!="info"'], "eu"),
        ({"cluster": "eu-1", "team": "red"}, "eu"),
        ({"cluster": "eu-1", "team": "blue"}, ""),
    ],
)
def test_a_rule_applies_to_alerts_that_match(when: Any, region: str) -> None:
    alert = made(cluster="eu-1", labels={"team": "red"})
    assert applied(alert, map=[{"when": when, "set": {"region": "eu"}}]).region == region


def test_only_an_override_overwrites_and_the_fingerprint_stays() -> None:
    alert = made(service="own", severity="info", labels={"team": "own"}, annotations={"a": "own"})
    facts = {"service": "s", "severity": "critical", "team": "t", "annotations.a": "b"}
    assert applied(alert, map=[{"set": facts}]) is alert
    found = applied(alert, map=[{"set": facts, "override": True}])
    assert (found.service, found.severity) == ("s", "critical")
    assert (found.labels, found.annotations) == ({"team": "t"}, {"a": "b"})
    assert found.fingerprint == alert.fingerprint
    assert alert.labels == {"team": "own"}


def test_an_unknown_severity_may_be_filled() -> None:
    assert applied(made(), map=[{"set": {"severity": "warning"}}]).severity == "warning"


def test_later_rules_see_what_earlier_ones_set() -> None:
    rules = [
        {"set": {"region": "eu"}},
        {"when": ['region="eu"'], "set": {"labels.zone": "a"}},
    ]
    assert applied(made(), map=rules).labels == {"zone": "a"}


TABLE = {
    "from": ["namespace", "labels.app"],
    "to": ["service", "team"],
    "rows": [["shop", "web", "checkout", "red"], ["shop", "db", "orders", ""]],
}


@pytest.mark.parametrize(
    ("app", "service", "team"),
    [("web", "checkout", "red"), ("db", "orders", None), ("other", "", None)],
)
def test_a_table_gives_columns_for_columns(app: str, service: str, team: str | None) -> None:
    alert = made(namespace="shop", labels={"app": app})
    found = applied(alert, map=[{"table": TABLE}])
    assert (found.service, found.labels.get("team")) == (service, team)


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"extract": [{"from": "name", "pattern": "(?P<a>(a+)+)"}]}, "take for ever"),
        ({"extract": [{"from": "name", "pattern": "(?P<a>"}]}, "cannot be read"),
        ({"extract": [{"from": "name", "pattern": "a.*"}]}, "names no group"),
        ({"extract": [{"from": "name", "pattern": "(?P<severity>a.*)"}]}, "another name"),
        ({"extract": [{"from": "labels.", "pattern": "(?P<a>a)"}]}, "names nothing"),
        ({"map": [{"set": {"severity": "purple"}}]}, "purple"),
        ({"map": [{"set": {"fingerprint": "f"}}]}, "identity"),
        ({"map": [{"when": ["a=~["], "set": {}}]}, "a=~"),
        ({"map": [{"table": TABLE | {"rows": [["a"]]}}]}, "row 1 has 1 cells"),
        ({"map": [{"table": TABLE | {"rows": [["a", "b", "c", "d"]] * 2}}]}, "row 2 repeats"),
        ({"map": [{"table": TABLE | {"to": []}}]}, "needs columns"),
        ({"map": [{"sett": {}}]}, "sett"),
    ],
)
def test_a_wrong_rule_is_refused_when_it_is_declared(
    section: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=complaint):
        configured(**section)


def test_a_pattern_with_many_repetitions_sees_only_the_beginning() -> None:
    rule = [{"from": "name", "pattern": r"(?P<host>\S+) \S+ .*"}]
    assert applied(made(name="h " + "a" * 100 + " " + "b" * 9_000), extract=rule).host == "h"
    assert applied(made(name="h " + "a" * 9_000), extract=rule).host == ""


def test_facts_do_not_grow_an_alert_without_end() -> None:
    facts = {f"labels.x{number}": "y" for number in range(500)}
    assert len(applied(made(), map=[{"set": facts}]).labels) == 200
    assert applied(made(), map=[{"set": {"a": "x" * 5_000}}]).labels == {"a": "x" * 1_000}
