"""Orders: what people asked of incidents in history, given to those of the other run.

An order goes to the incident that the same alert opened, and to those that hold other alerts of
it and have no counterpart in history. Where its own was never opened, it goes to the incident
that holds its alerts, unless it would end or quieten what people did not speak of.

People answer a page. So an order to an incident of which the other run has told nobody yet
waits, and comes as long after its page there as it came after the page in history.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from pipeline.app.backtest.pairs import Pairs
from pipeline.app.backtest.sight import Sight
from pipeline.codec import encode
from pipeline.domain.command import Command
from pipeline.domain.record import Record

WAITING_MAX: Final = 10_000
"""Orders that wait for their page; beyond it an order is not given."""

HARMLESS: Final = frozenset({"acknowledge", "note", "reassign", "page"})
"""Orders that may reach alerts of another incident as well: somebody looks after them."""


class Orders:
    """`real` and `other` look into the two runs; `told` says when history told of an incident."""

    def __init__(self, pairs: Pairs, real: Sight, other: Sight, told: Mapping[str, int]) -> None:
        self._pairs = pairs
        self._real = real
        self._other = other
        self._told = told
        self._waiting: dict[str, list[tuple[int, Record]]] = {}
        self._waiting_count = 0
        self.count = 0
        self.lost_count = 0

    def place(self, record: Record, command: Command, now_ms: int) -> list[Record]:
        """What of an order is to be given now; the rest waits for its page."""
        self.count += 1
        found: list[Record] = []
        targets = self._targets(command)
        if not targets:
            self.lost_count += 1
        told_at_ms = self._told.get(command.incident_id)
        for number, incident_id in enumerate(targets):
            given = self._addressed(record, command, incident_id, number)
            if given is None:
                self.lost_count += 1
            elif told_at_ms is None or self._is_told(incident_id):
                found.append(given)
            elif self._waiting_count < WAITING_MAX:
                self._waiting_count += 1
                waits = (now_ms - told_at_ms, given)
                self._waiting.setdefault(incident_id, []).append(waits)
            else:
                self.lost_count += 1
        return found

    def told(self, incident_id: str, at_ms: int) -> list[tuple[int, Record]]:
        """(when, order) of those that waited for the first page of an incident."""
        waiting = self._waiting.pop(incident_id, [])
        self._waiting_count -= len(waiting)
        return [(at_ms + after_ms, record) for after_ms, record in waiting]

    @property
    def unanswered_count(self) -> int:
        """Orders whose page the other run never sent: nobody would have given them."""
        return self._waiting_count

    def _targets(self, command: Command) -> list[str]:
        incident_id = command.incident_id
        mate = self._pairs.other_of(incident_id)
        incident = self._real.incident(incident_id)
        held = self._other.holders(incident) if incident is not None else []
        if mate:
            return [mate, *(each for each in held if not self._pairs.real_of(each))]
        return held if command.kind in HARMLESS else []

    def _is_told(self, incident_id: str) -> bool:
        incident = self._other.incident(incident_id)
        return incident is None or bool(incident.routing.deliveries)

    def _addressed(
        self, record: Record, command: Command, incident_id: str, number: int
    ) -> Record | None:
        """The order with the ids of the other run; None where it merges into what is not there."""
        into = self._pairs.other_of(command.into) if command.into else ""
        if command.into and (not into or into == incident_id):
            return None
        if not number and (incident_id, into) == (command.incident_id, command.into):
            return record
        given = replace(
            command,
            incident_id=incident_id,
            into=into,
            command_id=f"{command.command_id}+{number}" if number else command.command_id,
        )
        return replace(record, value=encode(given), event=given)
