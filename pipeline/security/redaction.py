"""Redaction: what a person may read of a text that could hold a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct

from pipeline.domain.secret import MASK, Secret

SIZE_MIN: Final = 6
"""Shorter secrets are not looked for: masking them would garble every text."""

DEPTH_MAX: Final = 8
_URL: Final = re.compile(r"https?://[^\s\"'<>)\]]+")


def secrets_of(value: Any, depth: int = 0) -> Iterator[Secret]:
    """Every Secret inside Structs, mappings and sequences, down to DEPTH_MAX levels."""
    if isinstance(value, Secret):
        yield value
    elif depth < DEPTH_MAX:
        for member in _members(value):
            yield from secrets_of(member, depth + 1)


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, Struct):
        return (getattr(value, name) for name in value.__struct_fields__)
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple | set | frozenset):
        return value
    return ()


def redact(text: str, secrets: Iterable[Secret]) -> str:
    """The text with each secret masked, and of each URL only its scheme and host."""
    for secret in secrets:
        hidden = secret.reveal()
        if len(hidden) >= SIZE_MIN:
            text = text.replace(hidden, MASK)
    return _URL.sub(lambda found: redact_url(found.group()), text)


def redact_url(url: str) -> str:
    """Scheme and host of a URL. Paths and queries of webhooks are often secrets themselves."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return MASK
    where = f"{parts.scheme}://{host}" + (f":{port}" if port else "")
    has_more = bool(parts.query or parts.fragment or parts.username or parts.path.strip("/"))
    return f"{where}/{MASK}" if has_more else where
