"""Writing changes: a service's value holds its last ones, so each write reads the one before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from pipeline.codec import encode
from pipeline.domain import record as header
from pipeline.domain.catalog import CHANGES_MAX, Change, ChangeEntry
from pipeline.domain.store import Appender, Output
from pipeline.edge.view import View, questions

TOPIC: Final = "changes"


def merged(former: Change, added: Sequence[ChangeEntry]) -> Change:
    """A service's changes with further ones, the latest first, at most CHANGES_MAX."""
    by_id = {entry.change_id: entry for entry in (*former.entries, *added)}
    latest = sorted(by_id.values(), key=lambda entry: (-entry.at_ms, entry.change_id))
    return Change(service=former.service, entries=tuple(latest[:CHANGES_MAX]))


class ChangeBook:
    """Writes changes. The view lags behind what was just written, so one write waits for the
    other, and what was written last is remembered until it is in the view.
    """

    REMEMBERED_MAX: Final = 1_000

    def __init__(self, appender: Appender, view: Callable[[], View]) -> None:
        self._appender = appender
        self._view = view
        self._lock = asyncio.Lock()
        self._written: dict[str, Change] = {}

    async def write(self, tenant: str, added: dict[str, list[ChangeEntry]]) -> None:
        """Append one value per service. Raises Busy."""
        async with self._lock:
            values: dict[str, Change] = {}
            for service, entries in added.items():
                known = await self._view().ask(questions.thing, TOPIC, service)
                former = merged(known or Change(service=service), self._entries(service))
                values[service] = merged(former, entries)
            await self._appender.append(
                [
                    Output(
                        topic=TOPIC,
                        key=service,
                        value=encode(value),
                        headers={header.TENANT: tenant},
                        event=value,
                    )
                    for service, value in values.items()
                ]
            )
            if len(self._written) + len(values) > self.REMEMBERED_MAX:
                self._written.clear()
            self._written |= values

    def _entries(self, service: str) -> tuple[ChangeEntry, ...]:
        known = self._written.get(service)
        return known.entries if known else ()
