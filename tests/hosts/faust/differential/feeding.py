"""Feeding: what others write to the topics of a run, by librdkafka, and a record of all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from confluent_kafka import Producer

from pipeline.domain.record import Record
from pipeline.domain.store import Output

WITHIN_S: Final = 60.0


class Feeding:
    """Writes records, each durably before `write` returns. `on_landed` is told of each."""

    def __init__(
        self, bootstrap: str, on_landed: Callable[[Record], None] = lambda _: None
    ) -> None:
        self.fed: list[Record] = []
        self._on_landed = on_landed
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 0,
                "log_level": 0,
            }
        )

    def write(self, outputs: Iterable[Output], now_ms: int) -> None:
        """Append the records with this time."""
        for output in outputs:
            self._producer.produce(
                output.topic,
                key=output.key.encode() or None,
                value=output.value,
                headers={name: text.encode() for name, text in output.headers.items()},
                timestamp=now_ms,
                on_delivery=partial(self._landed, output, now_ms),
            )
        assert not self._producer.flush(WITHIN_S), "not all was written"

    def on(self, topic: str) -> list[Record]:
        """What was written to one topic."""
        return [record for record in self.fed if record.topic == topic]

    def _landed(self, output: Output, now_ms: int, error: Any, message: Any) -> None:
        assert error is None, error
        record = Record(
            topic=output.topic,
            partition=message.partition(),
            offset=message.offset(),
            key=output.key,
            value=output.value,
            headers=output.headers,
            timestamp_ms=now_ms,
        )
        self.fed.append(record)
        self._on_landed(record)
