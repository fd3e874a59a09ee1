"""Models: another model in the place of one, as the other run looks it up.

A model is named as `tocsin models list` has it: a shadow judges in place of its model, a version
in place of the one that has it. `rules` is no model at all. What is tried has learned up to now,
also from what the range holds: the report says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.codec import decode, encode
from pipeline.domain.errors import UsageError
from pipeline.domain.model import Snapshot
from pipeline.domain.outcome import SHADOW, SLOTS, ModelRecord, chunk_key
from pipeline.domain.record import Record
from pipeline.domain.stage import Event
from pipeline.domain.store import Log
from pipeline.engine import Globals

MODELS: Final = "models"
OUTCOMES: Final = "outcomes"
RULES: Final = "rules"
READ_PIECE: Final = 500


class Choice(Struct, frozen=True):
    """A model to try: in whose place (`model`, "": of all), by which head record and chunks, and
    up to when it has learned (0: nothing).
    """

    model: str
    records: Mapping[str, ModelRecord]
    version: str
    learned_until_ms: int = 0


class Chosen(Globals):
    """Globals in which one model is the one that was chosen, whatever history put there."""

    def __init__(self, types: Mapping[str, type[Event]], choice: Choice | None) -> None:
        super().__init__(types)
        self._choice = choice
        if choice is not None:
            for key, value in choice.records.items():
                raw = encode(value)
                super().apply(
                    Record(topic=MODELS, partition=0, offset=-1, key=key, value=raw, event=value)
                )

    def apply(self, record: Record) -> bool:
        """As Globals does it, but for the model in question."""
        if self._choice is not None and record.topic == MODELS and self._is_fixed(record.key):
            self.versions[MODELS] = record.offset + 1
            return True
        return super().apply(record)

    def _is_fixed(self, key: str) -> bool:
        name = key.partition("/")[0].removesuffix(SHADOW)
        return self._choice is not None and self._choice.model in ("", name)


def choose(name: str, log: Log) -> Choice:
    """What stands on `models` now under a name or a version. Raises UsageError where nothing
    does.
    """
    if name == RULES:
        return Choice("", {}, RULES)
    rows = _latest(log)
    heads = {key: one for key, one in rows.items() if "/" not in key and one.heads}
    for key, record in heads.items():
        for age, head in enumerate(record.heads[:SLOTS]):
            if name in (head.version, key if not age else ""):
                return _choice(key, record, age, rows, log)
    listed = [
        each
        for key, record in sorted(heads.items())
        for each in (key, *(head.version for head in record.heads[:SLOTS]))
    ]
    raise UsageError(
        f"there is no model and no version {name!r} here; there are {', '.join([*listed, RULES])}"
    )


def _choice(
    key: str, record: ModelRecord, age: int, rows: Mapping[str, ModelRecord], log: Log
) -> Choice:
    head, slot = record.heads[age], (record.slot + age) % SLOTS
    model = key.removesuffix(SHADOW)
    chunks = {
        name: rows[name]
        for index in range(head.chunks_count)
        if (name := chunk_key(record.model, slot, index)) in rows
    }
    if len(chunks) < head.chunks_count:
        raise UsageError(f"the snapshot of {head.version} is not whole: name another version")
    chosen = replace(record, slot=slot, heads=(head,))
    return Choice(model, {model: chosen, **chunks}, head.version, _learned_until_ms(head, log))


def _latest(log: Log) -> dict[str, ModelRecord]:
    rows: dict[str, ModelRecord] = {}
    for partition in log.partitions(MODELS):
        offset, _ = log.bounds(MODELS, partition)
        while some := log.read(MODELS, partition, offset, READ_PIECE):
            _put(some, rows)
            offset = some[-1].offset + 1
    return rows


def _put(records: Iterable[Record], rows: dict[str, Any]) -> None:
    for record in records:
        if record.value is None:
            rows.pop(record.key, None)
        else:
            rows[record.key] = decode(ModelRecord, record.value)


def _learned_until_ms(head: Snapshot, log: Log) -> int:
    """When the last outcome that a snapshot has learned was written, or 0."""
    for partition in log.partitions(OUTCOMES):
        found = log.read(OUTCOMES, partition, max(0, head.offset - 1), 1)
        if found:
            return found[0].timestamp_ms
    return 0
