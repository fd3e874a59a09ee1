"""Facts: named values put onto an alert, into its fields, labels or annotations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from pipeline.domain.alert import SEVERITIES, Alert

FIELDS: Final = frozenset(
    {
        "name",
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
    }
)
"""Fields that rules may read and set; any other bare name is a label."""

UNSET: Final = frozenset({"", "unknown"})
"""Values of a field that say nothing, so that a fact may take their place."""

VALUE_CHARS_MAX: Final = 1_000
"""Characters of one fact; a longer one is cut."""

FACTS_MAX: Final = 200
"""Labels or annotations on an alert; at the limit no fact is added any more."""

_MAPS: Final = frozenset({"labels", "annotations"})


def check_target(name: str, value: str = "") -> None:
    """Raise ValueError for a name that no alert has, or a severity that is none."""
    place, dot, key = name.partition(".")
    if not name or (dot and place in _MAPS and not key):
        raise ValueError(f"{name!r} names nothing: write a field, labels.NAME or annotations.NAME")
    if name == "fingerprint":
        raise ValueError("the fingerprint is the alert's identity: no rule reads or sets it")
    if name == "severity" and value and value not in SEVERITIES:
        raise ValueError(f"severity {value!r} is none of {', '.join(SEVERITIES)}")


def value_of(alert: Alert, name: str) -> str:
    """The value of a field, of `labels.<name>`, `annotations.<name>` or of a bare label."""
    if name in FIELDS:
        return str(getattr(alert, name))
    place, _, key = name.partition(".")
    if key and place in _MAPS:
        texts: dict[str, str] = getattr(alert, place)
        return texts.get(key, "")
    return alert.labels.get(name, "")


def with_facts(alert: Alert, facts: Mapping[str, str], *, is_override: bool = False) -> Alert:
    """The alert with facts added; one that it states already stays, unless overridden.

    Its fingerprint never changes. The alert itself comes back where nothing is new.
    """
    changed: dict[str, Any] = {}
    for name, given in facts.items():
        value = given[:VALUE_CHARS_MAX]
        if not value:
            continue
        if name in FIELDS:
            own = getattr(alert, name)
            if own != value and (is_override or own in UNSET):
                changed[name] = value
            continue
        place, _, key = name.partition(".")
        if not key or place not in _MAPS:
            place, key = "labels", name
        texts: dict[str, str] = changed.get(place) or getattr(alert, place)
        own = texts.get(key, "")
        if own == value or (own and not is_override) or len(texts) >= FACTS_MAX:
            continue
        if place not in changed:
            texts = changed[place] = dict(texts)
        texts[key] = value
    return replace(alert, **changed) if changed else alert
