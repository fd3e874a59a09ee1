"""Records: what the engine wrote, as it goes to Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipeline.codec import encode
from pipeline.domain.store import Output
from pipeline.engine import Effects
from pipeline.engine.agent import JOURNAL
from pipeline.hosts.faust.client.transactions import Outgoing
from pipeline.hosts.faust.state.changelog import CHECKPOINT_KEY, changelog_key, encode_checkpoint

Outbound = dict[tuple[str, int], list[Outgoing]]
"""(topic, partition) → the records of one transaction, in order."""


class Writer:
    """Turns the Effects of one agent into the records of a transaction."""

    def __init__(self, changelog: str, partition_of: Callable[[str, bytes], int]) -> None:
        self._changelog = changelog
        self._partition_of = partition_of

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
        texts: dict[str, str] | None = None
        headers: list[tuple[str, bytes]] = []
        for output in (*effects.outputs, journal):
            if output.headers is not texts:  # outputs of one event share their headers
                texts = output.headers
                headers = [(name, text.encode()) for name, text in texts.items()]
            key = output.key.encode()
            place = output.topic, self._partition_of(output.topic, key)
            record = (key, output.value, headers, now_ms)
            known = into.get(place)
            if known is None:
                into[place] = [record]
            else:
                known.append(record)

    def _changes(self, partition: int, effects: Effects, into: Outbound) -> None:
        now_ms = effects.checkpoint.now_ms
        changes = into.setdefault((self._changelog, partition), [])
        changes += [
            (changelog_key(table, key), value, [], now_ms)
            for (table, key), value in effects.changes.items()
        ]
        changes.append((CHECKPOINT_KEY, encode_checkpoint(effects.checkpoint), [], now_ms))
