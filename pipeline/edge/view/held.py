"""Held: what came of a command is told when the view also shows the incident as it then was.

A host may hand over a command's audit record before the incident that the same commit changed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from pipeline.domain.audit import AuditRecord
from pipeline.edge.view import questions
from pipeline.edge.view.database import ViewDatabase

APPLIED: Final = "applied"


class Held:
    """Holds results for `apart_s` at most: not every command changes its incident."""

    def __init__(self, database: ViewDatabase, apart_s: float) -> None:
        self._database = database
        self._apart_s = apart_s
        self._held: list[tuple[AuditRecord, float]] = []

    def __len__(self) -> int:
        return len(self._held)

    def shown(self, results: Sequence[AuditRecord]) -> list[AuditRecord]:
        """Of these and of those held, the results that may be told now. Raises StoreError."""
        if not self._apart_s:
            return list(results)
        now_s = time.monotonic()
        waiting = self._held + [(record, now_s + self._apart_s) for record in results]
        self._held = []
        told = []
        for record, until_s in waiting:
            if now_s >= until_s or self._is_shown(record):
                told.append(record)
            else:
                self._held.append((record, until_s))
        return told

    def _is_shown(self, record: AuditRecord) -> bool:
        if record.result != APPLIED or not record.incident_id:
            return True
        with self._database.reading() as connection:
            incident = questions.incident(connection, record.incident_id)
        return incident is not None and incident.updated_at_ms >= record.at_ms
