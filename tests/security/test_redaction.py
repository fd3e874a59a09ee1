"""Redaction: no secret is left in a text, and the text is still of use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from pipeline.domain.secret import Secret
from pipeline.security.redaction import redact, redact_url, secrets_of


class Inner(Struct, frozen=True):
    key: Secret


class Outer(Struct, frozen=True):
    name: str
    inner: Inner
    more: dict[str, list[Secret]]
    none: Secret | None = None


def test_secrets_are_found_wherever_they_are() -> None:
    value = Outer("n", Inner(Secret("first-secret")), {"a": [Secret("second-secret")]})
    assert [s.reveal() for s in secrets_of(value)] == ["first-secret", "second-secret"]


@given(st.text(min_size=6), st.text(), st.text())
def test_no_secret_is_left(secret: str, before: str, after: str) -> None:
    if secret not in "••••":
        assert secret not in redact(before + secret + after, [Secret(secret)]) or (
            secret in before + "••••" + after
        )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hooks.example", "https://hooks.example"),
        ("https://hooks.example/", "https://hooks.example"),
        ("https://hooks.example:8443/T0/B1/xyz", "https://hooks.example:8443/••••"),
        ("https://u:p@hooks.example/", "https://hooks.example/••••"),
        ("https://hooks.example/?sig=abc", "https://hooks.example/••••"),
        ("http://[bad", "••••"),
    ],
)
def test_of_a_url_only_the_host_is_left(url: str, expected: str) -> None:
    assert redact_url(url) == expected


def test_a_url_in_a_sentence() -> None:
    text = "cannot reach <https://hooks.example/s3cret?x=1>, try later"
    assert redact(text, ()) == "cannot reach <https://hooks.example/••••>, try later"


def test_a_short_secret_garbles_nothing() -> None:
    assert redact("a cat", [Secret("a")]) == "a cat"
