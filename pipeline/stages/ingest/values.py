"""Values of foreign JSON put into a Draft: texts from anything, numbers and instants from texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from pipeline.stages.ingest.draft import Draft
from pipeline.stages.ingest.instants import instant_of, number_of

Fill = Callable[[Draft, str, str, Any], bool]
"""(draft, field, key inside it, value) → whether the value could be read."""


def text_of(value: Any) -> str:
    """A value as text: a text itself, else as JSON writes it; None is nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return msgspec.json.encode(value, enc_hook=str).decode()
    except (msgspec.MsgspecError, OverflowError, RecursionError, TypeError, ValueError):
        return ""


def _text(draft: Draft, field: str, _key: str, value: Any) -> bool:
    setattr(draft, field, text_of(value))
    return True


def _number(draft: Draft, field: str, _key: str, value: Any) -> bool:
    number = number_of(value)
    setattr(draft, field, number)
    return number is not None


def _instant(draft: Draft, field: str, _key: str, value: Any) -> bool:
    ms = instant_of(value)
    setattr(draft, field if field.endswith("_ms") else f"{field}_ms", ms or 0)
    return ms is not None


def _truth(draft: Draft, field: str, _key: str, value: Any) -> bool:
    word = text_of(value).lower()
    setattr(draft, field, word in {"true", "1", "yes"})
    return word in {"true", "1", "yes", "false", "0", "no", ""}


def _texts(draft: Draft, field: str, key: str, value: Any) -> bool:
    texts: dict[str, str] = getattr(draft, field)
    if key:
        texts[key] = text_of(value)
        return True
    if isinstance(value, Mapping):
        texts.update({str(name): text_of(one) for name, one in value.items() if one is not None})
        return True
    return False


def _tags(draft: Draft, _field: str, _key: str, value: Any) -> bool:
    tags = value if isinstance(value, list) else [value]
    draft.tags.extend(text for tag in tags if (text := text_of(tag)))
    return True


_TEXTS: Final = (
    "name",
    "status",
    "source",
    "source_id",
    "fingerprint",
    "description",
    "severity",
    "service",
    "environment",
    "region",
    "cluster",
    "namespace",
    "host",
    "instance",
    "metric",
    "trace_id",
    "group_key",
    "idempotency_key",
)

FILL: Final[Mapping[str, Fill]] = {
    **dict.fromkeys(_TEXTS, _text),
    "value": _number,
    "threshold": _number,
    "starts_at": _instant,
    "ends_at": _instant,
    "starts_at_ms": _instant,
    "ends_at_ms": _instant,
    "is_test": _truth,
    "labels": _texts,
    "annotations": _texts,
    "tags": _tags,
}
"""Field of a generic source → how a value gets into it."""
