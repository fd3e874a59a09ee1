"""The dead man's switch: an outside watcher is called as long as we are well, and rings when the
calls stop: for the case that we cannot ring ourselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import structlog

from pipeline.domain.secret import Secret
from pipeline.observe.metrics import Metrics
from pipeline.wire.client import Client, ping

_log: Final = structlog.get_logger("tocsin.upkeep")


class DeadMansSwitch:
    """Calls `url` while there is no complaint; its URL is a secret and never logged."""

    def __init__(
        self,
        client: Client,
        url: Secret,
        complaints: Callable[[], Sequence[str]],
        metrics: Metrics,
    ) -> None:
        self._client = client
        self._url = url
        self._complaints = complaints
        self._metrics = metrics
        self._is_answering = True

    async def run(self) -> None:
        """Call once, or hold back because we are not well."""
        if self._complaints():
            self._metrics.count("dead_man_pings", 1, {"result": "held_back"})
            return
        is_answering = await ping(self._client, self._url.reveal())
        self._metrics.count(
            "dead_man_pings", 1, {"result": "answered" if is_answering else "failed"}
        )
        if is_answering != self._is_answering:
            if is_answering:
                _log.info("the outside watcher answers again")
            else:
                _log.warning("the outside watcher does not answer: it may ring for nothing")
        self._is_answering = is_answering
