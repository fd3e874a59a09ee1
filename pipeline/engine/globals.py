"""Globals: compacted topics that every task may look up, frozen while an epoch runs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pipeline.codec import decode
from pipeline.codec.errors import DecodeError
from pipeline.domain.errors import UsageError
from pipeline.domain.record import Record
from pipeline.domain.stage import Event


class Globals:
    """The latest value per key of each global topic. `versions` are their next offsets.

    A host applies records only between epochs; stages get read-only views. A change makes a new
    view, so that who derives something from a global sees by its identity whether that still holds.
    """

    def __init__(self, types: Mapping[str, type[Event]]) -> None:
        self._types = types
        self._values: dict[str, dict[str, Any]] = {name: {} for name in types}
        self._views: dict[str, Mapping[str, Any]] = {}
        for name in types:
            self._changed(name)
        self.versions: dict[str, int] = dict.fromkeys(types, 0)

    def apply(self, record: Record) -> bool:
        """Take one record in: a value replaces, a tombstone removes.

        False where it could not be read (somebody else may write to a topic): the key keeps the
        value that it had, here as in every replay.
        """
        rows = self._values[record.topic]
        self.versions[record.topic] = record.offset + 1
        if record.value is None:
            rows.pop(record.key, None)
        else:
            try:
                rows[record.key] = record.event or decode(self._types[record.topic], record.value)
            except DecodeError:
                return False
        self._changed(record.topic)
        return True

    def view(self, name: str) -> Mapping[str, Any]:
        """The read-only view of one global. Raises UsageError for a name not declared."""
        if name not in self._views:
            raise UsageError(f"{name!r} is no global: declare it in looks_up")
        return self._views[name]

    def _changed(self, name: str) -> None:
        self._views[name] = MappingProxyType(self._values[name])
