"""Patterns of matchers: what is accepted, what is refused, and that none runs away."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.patterns import (
    ALTERNATIVES_SIZE_MAX,
    PATTERN_SIZE_MAX,
    compile_pattern,
)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("a|b|", "", True),
        ("a|b", "b", True),
        (r"web-\d+\.example", "web-12.example", True),
        (r"web-\d+\.example", "web-12xexample", False),
        (r"\d+", "٣", False),
        ("(?:a|b)?c", "c", True),
        ("(-[a-z0-9]+)?x.*", "-a9xyz", True),
        (r"([0-9]{1,3}\.){3}[0-9]{1,3}", "10.0.0.255", True),
        ("[]a]+", "]a", True),
        ("[^]]*x", "abx", True),
        (r"[\]*+]+", "*]+", True),
        (r"\(a\+\)\*", "(a+)*", True),
        ("(?P<x>a)b", "ab", True),
        ("a{2,}", "aaa", True),
        (".*?b", "aab", True),
        ("web-.*|db-.*|app-.*|mq-.*|ldap-.*", "mq-1", True),
        ("x(a.*|b.*|c.*|d.*)?", "xd", True),
        (r"([0-9]{1,3}\.){3}[0-9]{1,3}", "10.0.0.1", True),
        ("[a-f0-9]{40}", "a" * 40, True),
        ("(foo|bar){2}", "foobar", True),
        ("a{}", "a{}", True),
    ],
)
def test_a_pattern_matches_the_whole_text(pattern: str, text: str, *, expected: bool) -> None:
    accepts = compile_pattern(pattern)
    assert accepts(text) is expected
    assert accepts(text) is expected, "the remembered answer is the same"
    assert accepts(text + "\n") is False


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(a+)+", "itself varies"),
        ("(a*)*b", "itself varies"),
        ("(a|aa)+", "itself varies"),
        ("((a?b?))*", "itself varies"),
        ("(?:x(a|b)){2,}", "itself varies"),
        ("(a+){9}", "itself varies"),
        ("(a*){,9}", "itself varies"),
        ("(a*){,}", "itself varies"),
        ("(a|b){1,40}", "itself varies"),
        ("(a{0,16}){16}", "other choices"),
        ("a?" * 5 + "b*c*d*", "other choices"),
        ("(" * 30 + "a" + ")" * 30 + "+", "nests more than"),
        (".*a.*b.*c.*d", "open repetitions"),
        (".{0,99}.{0,99}.{0,99}.{0,99}", "open repetitions"),
        ("a?" * 30 + "a" * 30, "other choices"),
        ("(?=a)b", "looks around"),
        ("(?!a)b", "looks around"),
        ("(?<=a)b", "looks around"),
        ("(?P=x)", "looks around"),
        (r"(a)\1", "refers to a group"),
        ("[[:alpha:]]+", "nests a class"),
        ("[a--b]", "nests a class"),
        ("[", "cannot be read"),
        ("(", "cannot be read"),
        (")", "cannot be read"),
        (r"\pL", "cannot be read"),
        ("a**", "cannot be read"),
        ("." * (PATTERN_SIZE_MAX + 1), "are allowed"),
        ("a" * (ALTERNATIVES_SIZE_MAX + 1), "are allowed"),
    ],
)
def test_what_may_run_away_or_cannot_be_read_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        compile_pattern(pattern)


def test_a_text_that_is_too_long_does_not_match() -> None:
    accepts = compile_pattern("a.*b.*c.*")
    assert accepts("abc" + "x" * 253)
    assert not accepts("abc" + "x" * 254)


def test_answers_are_forgotten_at_the_limit_and_stay_right() -> None:
    accepts = compile_pattern("a[0-9]*")
    assert all(accepts(f"a{number}") for number in range(2_500))
    assert not accepts("b")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab.*+?|(){}[]\\^$2,1", max_size=24))
def test_whatever_is_accepted_answers_soon(pattern: str) -> None:
    try:
        accepts = compile_pattern(pattern)
    except ValueError:
        return
    before = time.process_time()
    accepts("a" * 255 + "!")
    accepts("ab" * 120)
    assert time.process_time() - before < 5
