"""Cursors: where a list goes on, as an opaque text."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec

Key = tuple[int, str]
"""The instant and the id of the last row that was given."""

CURSOR_CHARS_MAX = 300
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Key)


def write_cursor(key: Key) -> str:
    """A key as text for a URL."""
    return urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def read_cursor(text: str) -> Key:
    """The key in a cursor. Raises ValueError where it is none of ours."""
    try:
        raw = urlsafe_b64decode(text[:CURSOR_CHARS_MAX] + "=" * (-len(text) % 4))
        at_ms, row_id = _decoder.decode(raw)
    except (binascii.Error, msgspec.DecodeError, UnicodeError) as error:
        raise ValueError("no cursor of this list: take the one that `next` gave") from error
    if not -(2**63) <= at_ms < 2**63:
        raise ValueError("no cursor of this list: take the one that `next` gave")
    return at_ms, row_id
