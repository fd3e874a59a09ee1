"""Which group an alert asks for: an explicit key, the first rule that matches, or none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from pipeline.domain.alert import Alert
from pipeline.domain.ids import digest64
from pipeline.domain.rules import RuleIndex, compile_rule
from pipeline.stages.correlate.config import GroupRule

GROUP_KEY: Final = "group_key"
"""The annotation by which a sender says what belongs together."""

KEY_SIZE_MAX: Final = 200
"""Characters of a group key; of a longer one the end is replaced by a hash of the whole."""


class Group(Struct, frozen=True):
    """A group as an alert asks for it. `gap_ms` 0: as long as its incident is open."""

    key: str
    rule: str
    gap_ms: int
    version: str = ""


class Grouping:
    """The rules, compiled."""

    def __init__(self, rules: Iterable[GroupRule]) -> None:
        self._index = RuleIndex((compile_rule(rule.when), _Compiled(rule)) for rule in rules)

    def find(self, alert: Alert) -> Group | None:
        """The group that the alert asks for; None: it stands alone."""
        explicit = alert.annotations.get(GROUP_KEY, "")
        if explicit:
            return Group(bounded(f"key={explicit}"), GROUP_KEY, 0)
        found = self._index.first(alert)
        return None if found is None else found.group(alert)


class _Compiled:
    """One rule with the names that it groups by, and the hash that names this version of it."""

    def __init__(self, rule: GroupRule) -> None:
        self._name = rule.name
        self._gap_ms = int(rule.gap)
        self._names = rule.group_by
        self._version = digest64(rule.name, rule.when, *rule.group_by, str(int(rule.gap)))

    def group(self, alert: Alert) -> Group:
        values = ",".join(f"{name}={_escaped(alert.text(name))}" for name in self._names)
        return Group(bounded(f"{self._name}:{values}"), self._name, self._gap_ms, self._version)


def _escaped(text: str) -> str:
    """A value in which no comma ends it, so that no two groups have one key."""
    if "," not in text and "\\" not in text:
        return text
    return text.replace("\\", "\\\\").replace(",", "\\,")


def bounded(key: str) -> str:
    """The key, or its beginning and a hash of the whole where it is too long."""
    return key if len(key) <= KEY_SIZE_MAX else f"{key[: KEY_SIZE_MAX - 17]}~{digest64(key)}"
