"""Feed: the producer of a run's orders, idempotent and with acks=all: what it has counted as
produced is on the topic once.
"""

from __future__ import annotations

import threading
import time
from itertools import islice
from typing import Final

from confluent_kafka import Producer

from tests.crash.kafka.orders import orders

CHUNK: Final = 50
DELIVERED_S: Final = 120.0
"""So long an order may take to be acknowledged, bounces of the broker included."""


class Feed:
    """Orders of one seed, in their order."""

    def __init__(self, bootstrap: str, *, seed: int, keys: int) -> None:
        self.produced = 0
        self._sent = 0
        self._error = ""
        self._orders = orders(seed, keys)
        self._is_enough, self._is_over = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "delivery.timeout.ms": int(DELIVERED_S * 1_000),
                "linger.ms": 5,
                "log_level": 0,
            }
        )

    def more(self, count: int) -> int:
        """Send so many more at once; how many there are now, all acknowledged."""
        self._send(count)
        self._producer.flush(DELIVERED_S)
        return self._checked()

    def run(self, count: int, rate_per_s: float) -> None:
        """Send `count` at a rate, in a thread, and go on so until `finish`."""
        self._thread = threading.Thread(
            target=self._run, args=(count, rate_per_s), name="feed", daemon=True
        )
        self._thread.start()

    def finish(self, deadline_s: float) -> int:
        """Send what is lacking of `count` and no more; how many there are now."""
        assert self._thread is not None
        self._is_enough.set()
        self._thread.join(deadline_s)
        assert not self._thread.is_alive(), f"only {self.produced} orders within {deadline_s} s"
        return self._checked()

    def end(self) -> None:
        """Send no more, whatever is lacking."""
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, count: int, rate_per_s: float) -> None:
        due_s = time.monotonic()
        while self._sent < count or not self._is_enough.is_set():
            self._send(CHUNK)
            due_s += CHUNK / rate_per_s
            if self._is_over.wait(max(0.0, due_s - time.monotonic())):
                return
        while self._producer.flush(1) and not self._is_over.is_set():
            pass

    def _send(self, count: int) -> None:
        for key, value in islice(self._orders, count):
            self._producer.produce("orders", value, key, on_delivery=self._delivered)
        self._sent += count
        self._producer.poll(0)

    def _checked(self) -> int:
        assert not self._error, self._error
        assert self.produced == self._sent
        return self.produced

    def _delivered(self, error: object, _: object) -> None:
        if error is None:
            self.produced += 1
        else:
            self._error = str(error)
