"""Rules: equalities and CEL agree, mistakes are named with their place, bad input is contained."""

import re
from typing import Any

import cel
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.alert import Alert
from pipeline.domain.rules import (
    FIELDS,
    NESTING_MAX,
    RULE_SIZE_MAX,
    Facts,
    Rule,
    RuleIndex,
    compile_rule,
)

ALERT = Alert(
    alert_id="o-1",
    fingerprint="f",
    name="HighErrorRate",
    service="checkout",
    severity="critical",
    value=7.5,
    starts_at_ms=1_700_000_000_000,
    labels={"team": "payments", "pod": "a-1"},
    annotations={"runbook": "https://runbooks.example/5xx"},
    tags=("slo",),
)

EQUALITIES = [
    ("true", True),
    ('alert.service == "checkout"', True),
    ("alert.service == 'checkout'", True),
    ('alert.service != ""', True),
    ('alert.service == "other"', False),
    ('alert.service == "alert.nonsense"', False),
    ('alert.service == "checkout" && alert.labels.team == "payments"', True),
    ('alert.service=="checkout"&&alert.labels["team"]=="payments"', True),
    ('alert.service == "checkout" && alert.labels.team == "web"', False),
    ('alert.labels.team != "web"', True),
    ('alert.labels.absent == ""', False),
    ('alert.labels.absent != "x"', False),
    ('alert.annotations.runbook != ""', True),
    ('alert.status == "firing" && alert.severity == "critical"', True),
]
CONDITIONS = [
    ('alert.service == "checkout" || alert.service == "other"', True),
    ('alert.name.startsWith("High")', True),
    ('alert.name.matches("^High.*Rate$")', True),
    ("alert.value > 5.0", True),
    ("alert.value > alert.threshold", False),
    ("alert.threshold > 5.0", False),
    ("alert.starts_at_ms > 0", True),
    ('"slo" in alert.tags', True),
    ('alert.tags.exists(tag, tag == "slo")', True),
    ("has(alert.labels.team)", True),
    ("has(alert.labels.absent)", False),
    ('"team" in alert.labels && alert.labels.team == "payments"', True),
    ("alert.is_test", False),
    ("!alert.is_test", True),
    ('alert.labels.absent.startsWith("x")', False),
    ('alert.service == r"checkout"', True),
    ('alert.service == "check\\u006fut"', True),
    ("alert.labels.size() == 2", True),
]


@pytest.mark.parametrize(("text", "holds"), [*EQUALITIES, *CONDITIONS])
def test_a_rule_holds_or_not(text: str, holds: bool) -> None:
    assert compile_rule(text).matches(ALERT) is holds
    assert compile_rule(text).matches(ALERT, Facts(ALERT)) is holds


@pytest.mark.parametrize("text", [text for text, _ in EQUALITIES])
def test_equalities_never_reach_cel(text: str) -> None:
    facts = Facts(ALERT)
    rule = compile_rule(text)
    assert rule.terms is not None
    rule.matches(ALERT, facts)
    assert facts._context is None


@pytest.mark.parametrize("text", [text for text, _ in CONDITIONS])
def test_everything_else_does(text: str) -> None:
    assert compile_rule(text).terms is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("alert.service ==", "column 17"),
        ("(alert.is_test", "line 1"),
        ('alert.servce == "x"', "column 7"),
        ('alert.servce == "x"', "no field 'servce'"),
        ('true && alert . servce == "x"', "no field 'servce'"),
        ("service == 'x'", "'service' is not known"),
        ("alert.service", "gives str"),
        ("alert.starts_at_ms + 1", "gives int"),
        ("1", "gives int"),
        ("alert.service > 3", "overload"),
        ('alert.name.matches("(")', "regex"),
        ("alert.name.unheard()", "unheard"),
        (f'alert.service == "{"x" * RULE_SIZE_MAX}"', f"at most {RULE_SIZE_MAX}"),
        ("(" * (NESTING_MAX + 1) + "true" + ")" * (NESTING_MAX + 1), "nested"),
        ("!" * 500 + "true", "in a row"),
        ("alert.value == " + "-" * 500 + "1.0", "in a row"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        compile_rule(text)


def test_the_environment_is_the_alert_itself() -> None:
    assert list(FIELDS) == [field.name for field in msgspec.structs.fields(Alert)]
    for name, value in FIELDS.items():
        if isinstance(value, str):
            compile_rule(f'alert.{name} == "x"')


values = st.sampled_from(["", "checkout", "payments", "critical", "x"])
terms = st.builds(
    lambda path, sign, value: f'{path} {sign} "{value}"',
    st.sampled_from(
        ["alert.service", "alert.severity", "alert.labels.team", 'alert.labels["x"]', "alert.name"]
    ),
    st.sampled_from(["==", "!="]),
    values,
)
texts = st.lists(terms, min_size=1, max_size=4).map(" && ".join)
alerts = st.builds(
    lambda service, severity, labels: Alert(
        alert_id="1", fingerprint="f", name="x", service=service, severity=severity, labels=labels
    ),
    values,
    values,
    st.dictionaries(st.sampled_from(["team", "x"]), values),
)


def evaluated(text: str, alert: Alert) -> bool:
    """What CEL itself says; a label that is absent makes the rule false."""
    given: dict[str, Any] = {"alert": msgspec.structs.asdict(alert)}
    try:
        return cel.evaluate(text, given) is True
    except Exception:  # noqa: BLE001
        return False


@given(texts, alerts)
def test_equalities_say_what_cel_says(text: str, alert: Alert) -> None:
    rule = compile_rule(text)
    assert rule.terms is not None
    assert rule.matches(alert) is evaluated(text, alert)


@given(st.lists(st.one_of(texts, st.just('alert.service.contains("check")')), max_size=12), alerts)
def test_an_index_finds_the_first_that_matches(rules: list[str], alert: Alert) -> None:
    compiled: list[Rule] = [compile_rule(text) for text in rules]
    expected = next((n for n, rule in enumerate(compiled) if rule.matches(alert)), None)
    index = RuleIndex((rule, n) for n, rule in enumerate(compiled))
    assert index.first(alert) == expected


@given(st.text(max_size=60))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    try:
        holds = compile_rule(text).matches(ALERT)
    except ValueError:
        holds = False
    assert holds in {True, False}


def test_a_rule_over_hostile_values_is_false_and_no_error() -> None:
    alert = Alert(
        alert_id="\ud800",
        fingerprint="",
        name="\ud800",
        value=float("nan"),
        starts_at_ms=2**63 - 1,
        labels={"\ud800": "\ud800"},
    )
    for text in ("alert.starts_at_ms + 1 > 0", 'alert.name.contains("x")', "alert.value == 1.0"):
        assert compile_rule(text).matches(alert) is False
