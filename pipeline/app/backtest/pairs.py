"""Pairs: which incident of history is which of the other run.

Two incidents are one where the same alert opened them: both carry its position in `raw-alerts`
and list it first. Their ids may differ, since the other run may count otherwise. What was open
when the other run began is the same in both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pipeline.domain.errors import UsageError
from pipeline.domain.incident import Incident

DIFFERING_MAX: Final = 200_000
"""Incidents that are in one run only, or under another id; with more the range is refused."""


class Pairs:
    """Only what differs is kept: an incident that nothing is noted of has the same id in both."""

    def __init__(self) -> None:
        self._others: dict[str, str] = {}
        self._reals: dict[str, str] = {}
        self._lone_reals: dict[str, str] = {}
        self._lone_others: dict[str, str] = {}
        self._lone_real_ids: set[str] = set()
        self._lone_other_ids: set[str] = set()
        self._now_ms = -1
        self._opened: set[tuple[str, str]] = set()

    def opened(self, reals: Iterable[Incident], others: Iterable[Incident], now_ms: int) -> None:
        """Take in what changed at an instant in both runs; those that were opened then are
        paired. Raises UsageError where too many differ.
        """
        if now_ms != self._now_ms:
            self._now_ms = now_ms
            self._opened.clear()
        for incident in reals:
            if self._is_new(incident, "real"):
                self._open(incident, self._lone_reals, self._lone_others, is_real=True)
        for incident in others:
            if self._is_new(incident, "other"):
                self._open(incident, self._lone_others, self._lone_reals, is_real=False)
        if len(self._others) + len(self._lone_reals) + len(self._lone_others) > DIFFERING_MAX:
            raise UsageError(
                f"more than {DIFFERING_MAX:,} incidents differ in this range: choose a shorter one"
            )

    def other_of(self, real_id: str) -> str:
        """The incident of the other run that is this one of history; "" where there is none."""
        return "" if real_id in self._lone_real_ids else self._others.get(real_id, real_id)

    def real_of(self, other_id: str) -> str:
        """The incident of history that is this one of the other run; "" where there is none."""
        return "" if other_id in self._lone_other_ids else self._reals.get(other_id, other_id)

    def _is_new(self, incident: Incident, run: str) -> bool:
        if incident.opened_at_ms != self._now_ms or (run, incident.incident_id) in self._opened:
            return False
        self._opened.add((run, incident.incident_id))
        return True

    def _open(
        self, incident: Incident, own: dict[str, str], away: dict[str, str], *, is_real: bool
    ) -> None:
        key, incident_id = _key(incident), incident.incident_id
        mate = away.pop(key, "")
        if not mate:
            own[key] = incident_id
            (self._lone_real_ids if is_real else self._lone_other_ids).add(incident_id)
            return
        (self._lone_other_ids if is_real else self._lone_real_ids).discard(mate)
        real, other = (incident_id, mate) if is_real else (mate, incident_id)
        if real != other:
            self._others[real] = other
            self._reals[other] = real


def _key(incident: Incident) -> str:
    """What opened it: a position, and which of the alerts that stood there. An alarm that a timer
    raised has no position, but its beginning.
    """
    first = incident.alerts[0] if incident.alerts else None
    if first is None:
        return f"{incident.origin}/{incident.title}"
    begun = f"/{first.starts_at_ms}" if incident.origin.startswith(":") else ""
    return f"{incident.origin}/{first.fingerprint}{begun}"
