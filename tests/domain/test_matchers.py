"""Matchers: Alertmanager's syntax, its meaning of absent labels, and clear complaints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.alert import Alert
from pipeline.domain.incident import AlertRef, Incident
from pipeline.domain.matchers import (
    MATCHERS_MAX,
    TEXT_SIZE_MAX,
    Matcher,
    label_set,
    label_set_of_incident,
    label_set_of_listed,
    matches,
    parse,
    parse_all,
    parse_list,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('foo="bar"', ("foo", "=", "bar")),
        ("foo=bar", ("foo", "=", "bar")),
        (" foo = bar ", ("foo", "=", "bar")),
        ("{foo=bar}", ("foo", "=", "bar")),
        ('foo!="bar"', ("foo", "!=", "bar")),
        ('foo=~"b.*"', ("foo", "=~", "b.*")),
        ("foo=~b.*", ("foo", "=~", "b.*")),
        ("severity=~info|warning", ("severity", "=~", "info|warning")),
        ('foo!~"b.*"', ("foo", "!~", "b.*")),
        ('foo=""', ("foo", "=", "")),
        ('"foo bar"="x"', ("foo bar", "=", "x")),
        ("größe=läuft", ("größe", "=", "läuft")),
        ('"🔥"="🔥"', ("🔥", "=", "🔥")),
        ('foo="a,b}{=!~"', ("foo", "=", "a,b}{=!~")),
        (r'foo="say \"hi\"\n\\"', ("foo", "=", 'say "hi"\n\\')),
        (r'foo="\u00e9\x41\t"', ("foo", "=", "éA\t")),
        (r'foo=~"web\.example\d+"', ("foo", "=~", r"web\.example\d+")),
        (r'foo=~"web\\.example"', ("foo", "=~", r"web\.example")),
    ],
)
def test_one_matcher_is_read(text: str, expected: tuple[str, str, str]) -> None:
    found = parse(text)
    assert (found.name, found.operator, found.value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("{}", []),
        ("  {  }  ", []),
        ('{a="b", c=~"d|e"}', ['a="b"', 'c=~"d|e"']),
        ('{a="b",}', ['a="b"']),
        ('a="b", c!=d', ['a="b"', 'c!="d"']),
    ],
)
def test_a_list_is_read_with_and_without_braces(text: str, expected: list[str]) -> None:
    assert [str(matcher) for matcher in parse_list(text)] == expected


@pytest.mark.parametrize(
    ("text", "character", "hint"),
    [
        ("a", 2, "use =, !=, =~ or !~"),
        ("a=", 3, 'name="value"'),
        ("a==b", 3, "double quotes"),
        ("a=b c", 5, "double quotes"),
        ("a='b'", 3, "double quotes"),
        ('a="b', 3, "end the text"),
        ("=b", 1, "double quotes"),
        ('""="b"', 3, "name the label"),
        ("{a=b", 5, "close the list"),
        ("a=b}", 4, "double quotes"),
        ("{a=b}}", 6, "double quotes"),
        ("a=b,,c=d", 5, "double quotes"),
        ('a=~"["', 7, "cannot be read"),
    ],
)
def test_a_complaint_has_its_position_and_a_hint(text: str, character: int, hint: str) -> None:
    with pytest.raises(ValueError, match=f"character {character}:") as caught:
        parse_list(text)
    assert hint in str(caught.value)
    assert text[:100] in str(caught.value) or repr(text) in str(caught.value)


def test_what_is_too_much_is_refused() -> None:
    many = ",".join(f"a{at}=b" for at in range(MATCHERS_MAX))
    assert len(parse_list(many)) == MATCHERS_MAX
    with pytest.raises(ValueError, match=f"more than {MATCHERS_MAX}"):
        parse_list(many + ",z=b")
    with pytest.raises(ValueError, match="are allowed"):
        parse_list("a=" + "b" * TEXT_SIZE_MAX)
    with pytest.raises(ValueError, match="one is expected"):
        parse("a=b,c=d")


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("a=b", {"a": "b"}, True),
        ("a=b", {}, False),
        ('a=""', {}, True),
        ('a=""', {"a": ""}, True),
        ('a!=""', {}, False),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ("a=~b|c", {"a": "c"}, True),
        ("a=~b|c", {"a": "bc"}, False),
        ("a=~b", {"a": "xbx"}, False),
        ("a=~b.*", {"a": "b\n"}, False),
        ("a=~.*", {}, True),
        ("a=~.+", {}, False),
        ('a=~"|b"', {}, True),
        ("a!~.+", {}, True),
        ("a!~b.*", {"a": "bc"}, False),
        ("a!~b.*", {"a": "cb"}, True),
        ('a=~"(?i)WEB-.*"', {"a": "web-1"}, True),
        ('a=~"web-[0-9]+"', {"a": "web-12"}, True),
        ('a=~"web-[0-9]+"', {"a": "web-12\n"}, False),
        ("a=b,c!=d", {"a": "b", "c": "d"}, False),
        ("", {}, True),
    ],
)
def test_absent_is_empty_and_expressions_match_the_whole(
    text: str, labels: dict[str, str], *, expected: bool
) -> None:
    assert matches(parse_list(text), labels) is expected


@given(st.text(min_size=1, max_size=20), st.sampled_from(["=", "!="]), st.text(max_size=20))
def test_what_is_written_is_read_back(name: str, operator: str, value: str) -> None:
    matcher = Matcher(name, operator, value)
    assert parse(str(matcher)) == matcher
    assert hash(parse(str(matcher))) == hash(matcher)
    assert matcher.accepts(value) is (operator == "=")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_value_error(text: str) -> None:
    try:
        found = parse_list(text)
    except ValueError:
        return
    assert parse_list("{" + ", ".join(map(str, found)) + "}") == found


@given(st.dictionaries(st.sampled_from("abc"), st.text(max_size=3)), st.text(max_size=3))
def test_a_negative_matcher_is_the_opposite(labels: dict[str, str], value: str) -> None:
    assert matches([Matcher("a", "=", value)], labels) is not matches(
        [Matcher("a", "!=", value)], labels
    )


def test_an_alert_is_seen_by_its_labels_and_over_them_its_fields() -> None:
    alert = Alert(
        alert_id="a",
        fingerprint="f",
        name="Down",
        severity="critical",
        service="shop",
        labels={"severity": "page", "pod": "p1", "alertname": "HostDown", "host": "h"},
    )
    assert label_set(alert) == {
        "name": "Down",
        "alertname": "HostDown",
        "severity": "critical",
        "status": "firing",
        "service": "shop",
        "pod": "p1",
        "host": "h",
    }


def _incident(*refs: AlertRef, count: int = 0) -> Incident:
    return Incident(
        incident_id="s.1",
        scope_id="s",
        tenant="default",
        status="triggered",
        title="t",
        severity="error",
        group_key="g",
        rule="by-service",
        service="shop",
        region="eu",
        labels={"team": "a"},
        alerts=refs,
        alert_count=count or len(refs),
        firing_count=count or len(refs),
    )


def _ref(name: str, instance: str = "") -> AlertRef:
    return AlertRef(
        fingerprint="f",
        alert_id="a",
        name=name,
        severity="warning",
        status="firing",
        instance=instance,
    )


def test_an_incident_is_seen_by_what_its_alerts_share() -> None:
    both = _incident(_ref("Down", "i1"), _ref("Down", "i2"))
    assert label_set_of_incident(both) == {
        "name": "Down",
        "alertname": "Down",
        "severity": "error",
        "status": "firing",
        "service": "shop",
        "region": "eu",
        "team": "a",
        "tenant": "default",
        "rule": "by-service",
    }
    assert "name" not in label_set_of_incident(_incident(_ref("Down"), _ref("Slow")))
    assert "name" not in label_set_of_incident(_incident(_ref("Down"), count=2))
    assert label_set_of_incident(_incident(_ref("Down", "i1")))["instance"] == "i1"


def test_a_listed_alert_has_its_own_name_severity_and_instance() -> None:
    ref = _ref("Slow", "i2")
    seen = label_set_of_listed(_incident(_ref("Down"), ref), ref)
    assert (seen["alertname"], seen["severity"], seen["instance"]) == ("Slow", "warning", "i2")
    assert (seen["team"], seen["service"]) == ("a", "")


def test_texts_of_a_route_are_read_together() -> None:
    assert [str(each) for each in parse_all(["a=b", "{c=d, e=f}"])] == ['a="b"', 'c="d"', 'e="f"']
