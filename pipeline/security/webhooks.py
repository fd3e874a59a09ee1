"""Standard Webhooks signatures: `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
A header holds one signature per secret, so a secret is rotated by signing with both for a while.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

from pipeline.domain.secret import Secret

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
PREFIX: Final = "whsec_"
KEY_SIZE_MIN: Final = 24
KEY_SIZE_MAX: Final = 64
STAMP_SIZE_MAX: Final = 12
TOLERANCE_S: Final = 300
"""A signature further from the verifier's clock is refused: it may be replayed."""


def check_secret(secret: Secret) -> None:
    """Raise ValueError, without the secret, where it is none of the specification's."""
    _key(secret)


def sign(secrets: Iterable[Secret], webhook_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """The three headers for one body. Raises ValueError for a malformed secret."""
    signatures = " ".join(_signature(secret, webhook_id, str(at_s), body) for secret in secrets)
    return {ID: webhook_id, TIMESTAMP: str(at_s), SIGNATURE: signatures}


def verify(secrets: Iterable[Secret], headers: Mapping[str, str], body: bytes, now_s: int) -> bool:
    """Whether one of the signatures in the headers (lower-case names) is of one of the secrets
    and the timestamp lies within TOLERANCE_S.
    """
    webhook_id, stamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= STAMP_SIZE_MAX):
        return False
    if not webhook_id or abs(now_s - int(stamp)) > TOLERANCE_S:
        return False
    expected = [_signature(secret, webhook_id, stamp, body).encode() for secret in secrets]
    given = [text.encode() for text in headers.get(SIGNATURE, "").split(" ")]
    return any(hmac.compare_digest(one, other) for one in expected for other in given)


def _signature(secret: Secret, webhook_id: str, stamp: str, body: bytes) -> str:
    signed = f"{webhook_id}.{stamp}.".encode() + body
    return "v1," + b64encode(hmac.digest(_key(secret), signed, sha256)).decode()


def _key(secret: Secret) -> bytes:
    text = secret.reveal()
    try:
        key = b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or not KEY_SIZE_MIN <= len(key) <= KEY_SIZE_MAX:
        raise ValueError(
            f"a signing secret is `{PREFIX}` and the base64 of {KEY_SIZE_MIN} to {KEY_SIZE_MAX} "
            "random bytes"
        ) from None
    return key
