"""Records: what the engine wrote, as it goes to Kafka."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from pipeline.codec import encode
from pipeline.domain.store import Output
from pipeline.engine import Effects
from pipeline.engine.agent import JOURNAL
from pipeline.hosts.faust.client.partitions import key_hash
from pipeline.hosts.faust.client.transactions import Outgoing
from pipeline.hosts.faust.state.changelog import CHECKPOINT_KEY, changelog_key, encode_checkpoint

Outbound = dict[tuple[str, int], list[Outgoing]]
"""(topic, partition) → the records of one transaction, in order."""


_NO_HEADERS: Final[list[tuple[str, bytes]]] = []


class Writer:
    """Turns the Effects of one agent into the records of a transaction. `counts` says how many
    partitions each topic has.
    """

    def __init__(self, changelog: str, counts: Mapping[str, int]) -> None:
        self._changelog = changelog
        self._counts = counts

    def write(self, epochs: Iterable[tuple[int, Effects]]) -> Outbound:
        """The records of the epochs of some tasks, given with their partitions."""
        into: Outbound = {}
        for partition, effects in epochs:
            self._outputs(effects, into)
            self._changes(partition, effects, into)
        return into

    def _outputs(self, effects: Effects, into: Outbound) -> None:
        now_ms = effects.checkpoint.now_ms
        journal = Output(topic=JOURNAL, key=effects.task, value=encode(effects.journal))
        topic, count = "", 1
        for output in (*effects.outputs, journal):
            if output.topic != topic:
                topic = output.topic
                count = self._counts[topic]
            key = output.key.encode()
            place = topic, key_hash(key) % count
            record = (key, output.value, output.headers, now_ms)
            known = into.get(place)
            if known is None:
                into[place] = [record]
            else:
                known.append(record)

    def _changes(self, partition: int, effects: Effects, into: Outbound) -> None:
        now_ms = effects.checkpoint.now_ms
        changes = into.setdefault((self._changelog, partition), [])
        changes += [
            (changelog_key(table, key), value, _NO_HEADERS, now_ms)
            for (table, key), value in effects.changes.items()
        ]
        content = encode_checkpoint(effects.checkpoint)
        changes.append((CHECKPOINT_KEY, content, _NO_HEADERS, now_ms))
