"""Signatures: the published vector, rotation, time, tampering."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.secret import Secret
from pipeline.security.webhooks import SIGNATURE, TOLERANCE_S, check_secret, sign, verify
from tests.real import ROOT

VECTOR = ROOT.parent / "shared" / "samples" / "standard_webhooks_vector.json"
SECRETS = st.binary(min_size=24, max_size=64).map(
    lambda raw: Secret("whsec_" + b64encode(raw).decode())
)


@pytest.mark.skipif(not VECTOR.exists(), reason="no ../shared/samples beside the checkout")
def test_the_published_vector() -> None:
    vector = json.loads(VECTOR.read_text())
    headers = sign(
        [Secret(vector["secret"])],
        vector["webhook-id"],
        int(vector["webhook-timestamp"]),
        vector["body"].encode(),
    )
    assert headers == {name: vector[name] for name in headers}


@given(SECRETS, SECRETS, st.text(min_size=1).filter(str.isprintable), st.binary(max_size=200))
def test_what_is_signed_verifies_and_what_is_changed_does_not(
    secret: Secret, other: Secret, webhook_id: str, body: bytes
) -> None:
    headers = sign([other, secret], webhook_id, 1_000_000, body)
    assert verify([secret], headers, body, 1_000_000)
    assert not verify([secret], headers, body + b"x", 1_000_000)
    assert not verify([secret], {**headers, "webhook-id": webhook_id + "x"}, body, 1_000_000)
    alone = sign([other], webhook_id, 1_000_000, body)
    assert verify([secret], alone, body, 1_000_000) is (secret == other)


@pytest.mark.parametrize(
    ("skew_s", "is_valid"),
    [(0, True), (TOLERANCE_S, True), (-TOLERANCE_S, True), (301, False), (-301, False)],
)
def test_an_old_signature_is_refused(skew_s: int, *, is_valid: bool) -> None:
    secret = Secret("whsec_" + "A" * 32)
    headers = sign([secret], "id", 1_000_000, b"{}")
    assert verify([secret], headers, b"{}", 1_000_000 + skew_s) is is_valid


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook-timestamp": "1000000"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-timestamp": "\uff11" * 7},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": ""},
    ],
)
def test_odd_headers_are_refused(headers: dict[str, str]) -> None:
    secret = Secret("whsec_" + "A" * 32)
    signed = sign([secret], "id", 1_000_000, b"{}")
    odd = {**signed, **headers} if headers else {}
    if headers == {"webhook-timestamp": "1000000"}:
        del odd[SIGNATURE]
    assert not verify([secret], odd, b"{}", 1_000_000)


@pytest.mark.parametrize("size", [23, 65])
def test_a_key_has_24_to_64_bytes(size: int) -> None:
    for good in (24, 64):
        check_secret(Secret("whsec_" + b64encode(b"k" * good).decode()))
    with pytest.raises(ValueError, match="24 to 64"):
        check_secret(Secret("whsec_" + b64encode(b"k" * size).decode()))
