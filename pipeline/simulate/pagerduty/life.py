"""The life of an incident: open, page, acknowledge, escalate, snooze, resolve, merge.

Every transition writes its log entries and announces itself to the webhooks; what is due later
(escalation, end of a snooze, timeouts of the service) waits in a heap that `run_due` empties.
Pure: no clock, no I/O, no dice. Bounds: at `resolved_max` the incidents resolved first are
forgotten; an incident keeps its first log entry and then at most 1,000, all incidents together
a million, later ones are only in the account's log, which keeps its last 100,000.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from pipeline.simulate.pagerduty.directory import Directory, Ids, Service
from pipeline.simulate.pagerduty.records import (
    ENTRIES_PER_INCIDENT_MAX,
    Agent,
    Alert,
    Incident,
    LogEntry,
    Note,
    Status,
)

RESOLVED_MAX: Final = 50_000
ACCOUNT_ENTRIES_MAX: Final = 100_000
KEPT_ENTRIES_MAX: Final = 1_000_000
MINUTE_MS: Final = 60_000
_BY_A_PERSON: Final = {"type": "website"}
_BY_THE_API: Final = {"type": "api"}
_BY_ITSELF: Final = {"type": "auto"}
Announce = Callable[[str, Incident, LogEntry, Note | None], None]


class Incidents:
    """All incidents of the account, open ones and the last `resolved_max` resolved ones."""

    def __init__(self, directory: Directory, ids: Ids, resolved_max: int = RESOLVED_MAX) -> None:
        self.by_id: dict[str, Incident] = {}
        self.entries: deque[LogEntry] = deque(maxlen=ACCOUNT_ENTRIES_MAX)
        self.announce: Announce | None = None
        self.forget: Callable[[Incident], None] | None = None
        self.opened = 0
        self.forgotten = 0
        self._directory = directory
        self._ids = ids
        self._resolved_max = resolved_max
        self._resolved: deque[str] = deque()
        self._due: list[tuple[int, str]] = []
        self._kept_entries = 0

    def open(
        self, service: Service, title: str, key: str, urgency: str, agent: Agent, now_ms: int
    ) -> Incident:
        """A new incident, assigned to and paging who is on call."""
        self.opened += 1
        incident = Incident(
            self._ids.next(),
            self.opened,
            title,
            key,
            service.id,
            service.policy_id,
            now_ms,
            now_ms,
            now_ms,
            agent,
            urgency,
        )
        self.by_id[incident.id] = incident
        service.open_incident_ids[incident.id] = None
        service.triggered += 1
        service.last_incident_at_ms = now_ms
        entry = self.log(incident, "trigger", agent, now_ms)
        if service.auto_resolve_timeout_s:
            incident.resolve_at_ms = now_ms + service.auto_resolve_timeout_s * 1000
            self._wake(incident.resolve_at_ms, incident)
        self._page_level(incident, now_ms)
        self._tell("incident.triggered", incident, entry)
        return incident

    def acknowledge(self, incident: Incident, agent: Agent, now_ms: int) -> bool:
        """Triggered becomes acknowledged and escalates no further; False if it was not so."""
        if incident.status == "resolved":
            return False
        was_triggered = incident.status == "triggered"
        if not was_triggered and any(who == agent for who, _ in incident.acknowledged_by):
            return False
        incident.acknowledged_by.append((agent, now_ms))
        self._turn(incident, "acknowledged", agent, now_ms)
        incident.escalate_at_ms = None
        timeout_s = self._directory.services[incident.service_id].acknowledgement_timeout_s
        if timeout_s and not incident.is_snoozed:
            incident.unacknowledge_at_ms = now_ms + timeout_s * 1000
            self._wake(incident.unacknowledge_at_ms, incident)
        entry = self.log(incident, "acknowledge", agent, now_ms)
        if was_triggered:
            self._tell("incident.acknowledged", incident, entry)
        return True

    def unacknowledge(self, incident: Incident, agent: Agent, now_ms: int) -> bool:
        """Acknowledged becomes triggered: the assignees are paged again."""
        if incident.status != "acknowledged":
            return False
        incident.acknowledged_by.clear()
        incident.unacknowledge_at_ms = None
        incident.is_snoozed = False
        self._turn(incident, "triggered", agent, now_ms)
        entry = self.log(incident, "unacknowledge", agent, now_ms)
        self._notify(incident, now_ms)
        self._tell("incident.unacknowledged", incident, entry)
        return True

    def resolve(self, incident: Incident, agent: Agent, now_ms: int, note: str = "") -> bool:
        """Close the incident and all its alerts; False if it was resolved already."""
        if not incident.is_open:
            return False
        for alert in incident.alerts:
            if alert.is_open:
                close_alert(alert, now_ms)
        self._turn(incident, "resolved", agent, now_ms)
        incident.resolved_at_ms = now_ms
        incident.assignee_ids.clear()
        incident.acknowledged_by.clear()
        incident.escalate_at_ms = incident.unacknowledge_at_ms = incident.resolve_at_ms = None
        incident.is_snoozed = False
        self._directory.services[incident.service_id].open_incident_ids.pop(incident.id, None)
        entry = self.log(incident, "resolve", agent, now_ms, note=note)
        self._tell("incident.resolved", incident, entry)
        self._resolved.append(incident.id)
        self._forget_oldest()
        return True

    def reopen(self, incident: Incident, agent: Agent, now_ms: int) -> None:
        """A person takes a resolve back: triggered again, at the first level of its policy.

        Its alerts stay resolved, so the next trigger of their keys opens another incident.
        """
        self._turn(incident, "triggered", agent, now_ms)
        incident.resolved_at_ms = None
        self._directory.services[incident.service_id].open_incident_ids[incident.id] = None
        incident.level, incident.loops_done, incident.is_assigned_directly = 1, 0, False
        entry = self.log(incident, "trigger", agent, now_ms)
        self._page_level(incident, now_ms)
        self._tell("incident.reopened", incident, entry)

    def assign(self, incident: Incident, user_ids: list[str], agent: Agent, now_ms: int) -> None:
        """Hand the incident to people directly: it leaves its policy and pages them."""
        incident.is_assigned_directly = True
        incident.escalate_at_ms = None
        entry = self._assign(incident, user_ids, agent, now_ms)
        self._touch(incident, now_ms)
        self._notify(incident, now_ms)
        self._tell("incident.reassigned", incident, entry)

    def escalate(
        self, incident: Incident, level: int, agent: Agent, now_ms: int, policy_id: str = ""
    ) -> None:
        """Go to a level (counted from 1) of the policy, or of another one, and page it."""
        kind = "escalated"
        if policy_id and policy_id != incident.policy_id:
            incident.policy_id = policy_id
            kind = "delegated"
        incident.level = level
        incident.is_assigned_directly = False
        if incident.status == "acknowledged":
            incident.acknowledged_by.clear()
            incident.unacknowledge_at_ms = None
            incident.is_snoozed = False
            self._turn(incident, "triggered", agent, now_ms)
        self._touch(incident, now_ms)
        entry = self.log(incident, "escalate", agent, now_ms)
        self._page_level(incident, now_ms)
        self._tell(f"incident.{kind}", incident, entry)

    def snooze(self, incident: Incident, duration_s: int, agent: Agent, now_ms: int) -> None:
        """Acknowledge (if need be) until the time is over; then it triggers again."""
        if incident.status == "triggered":
            self.acknowledge(incident, agent, now_ms)
        incident.is_snoozed = True
        incident.unacknowledge_at_ms = now_ms + duration_s * 1000
        self._wake(incident.unacknowledge_at_ms, incident)
        self._touch(incident, now_ms)
        self.log(incident, "snooze", agent, now_ms)

    def annotate(self, incident: Incident, user_id: str, content: str, now_ms: int) -> Note:
        """A person's note."""
        note = Note(self._ids.next(), user_id, content, now_ms)
        incident.notes.append(note)
        self._touch(incident, now_ms)
        entry = self.log(incident, "annotate", Agent("user", user_id), now_ms, note=content)
        self._tell("incident.annotated", incident, entry, note)
        return note

    def merge(self, target: Incident, sources: list[Incident], agent: Agent, now_ms: int) -> None:
        """Move the sources' alerts to the target; the sources are resolved."""
        for source in sources:
            for alert in source.alerts:
                alert.incident_id = target.id
                target.alerts.append(alert)
            source.alerts = []
            source.merged_into = target.id
            self.resolve(source, agent, now_ms, note=f"Merged into incident #{target.number}")
        self._touch(target, now_ms)

    def run_due(self, now_ms: int) -> None:
        """Do what was waiting for this time: escalations, ends of snoozes, timeouts."""
        while self._due and self._due[0][0] <= now_ms:
            at_ms, incident_id = heapq.heappop(self._due)
            incident = self.by_id.get(incident_id)
            if incident is None or not incident.is_open:
                continue
            service = Agent("service", incident.service_id)
            if incident.resolve_at_ms == at_ms:
                self.resolve(incident, service, at_ms)
            elif incident.unacknowledge_at_ms == at_ms:
                self.unacknowledge(incident, service, at_ms)
            elif incident.escalate_at_ms == at_ms:
                self._escalate_unanswered(incident, service, at_ms)

    def next_due_at_ms(self) -> int | None:
        """The earliest time at which `run_due` might have work."""
        return self._due[0][0] if self._due else None

    def log(
        self,
        incident: Incident,
        kind: str,
        agent: Agent,
        now_ms: int,
        channel: Mapping[str, Any] | None = None,
        user_id: str | None = None,
        note: str = "",
    ) -> LogEntry:
        """Write one line of history."""
        by_whom = channel or (_BY_A_PERSON if agent.kind == "user" else _BY_THE_API)
        entry = LogEntry(
            self._ids.next("R"), kind, now_ms, incident.id, agent, by_whom, user_id, note
        )
        self.entries.append(entry)
        has_room = self._kept_entries < KEPT_ENTRIES_MAX
        if not incident.log or (has_room and len(incident.log) < ENTRIES_PER_INCIDENT_MAX):
            incident.log.append(entry)
            self._kept_entries += 1
        return entry

    def _forget_oldest(self) -> None:
        while len(self._resolved) > self._resolved_max:
            oldest = self.by_id.get(self._resolved.popleft())
            # One that was reopened is in the queue without being resolved, or twice.
            if oldest is None or oldest.is_open:
                continue
            del self.by_id[oldest.id]
            self._kept_entries -= len(oldest.log)
            self.forgotten += 1
            if self.forget is not None:
                self.forget(oldest)

    def _escalate_unanswered(self, incident: Incident, agent: Agent, now_ms: int) -> None:
        policy = self._directory.policies[incident.policy_id]
        if incident.level < len(policy.rules):
            self.escalate(incident, incident.level + 1, agent, now_ms)
        elif incident.loops_done < policy.loops:
            incident.loops_done += 1
            self.log(incident, "repeat_escalation_path", agent, now_ms)
            self.escalate(incident, 1, agent, now_ms)
        else:
            incident.escalate_at_ms = None
            self.log(incident, "exhaust_escalation_path", agent, now_ms)

    def _page_level(self, incident: Incident, now_ms: int) -> None:
        policy = self._directory.policies[incident.policy_id]
        users = self._directory.on_call(policy.id, incident.level, now_ms)
        self._assign(incident, users, Agent("service", incident.service_id), now_ms)
        self._notify(incident, now_ms)
        rule = policy.rules[min(incident.level, len(policy.rules)) - 1]
        incident.escalate_at_ms = now_ms + rule.delay_minutes * MINUTE_MS
        self._wake(incident.escalate_at_ms, incident)

    def _assign(
        self, incident: Incident, user_ids: list[str], agent: Agent, now_ms: int
    ) -> LogEntry:
        incident.assignee_ids = list(user_ids)
        incident.assigned_at_ms = now_ms
        lines = [self.log(incident, "assign", agent, now_ms, user_id=one) for one in user_ids]
        return lines[-1]

    def _notify(self, incident: Incident, now_ms: int) -> None:
        service = Agent("service", incident.service_id)
        for user_id in incident.assignee_ids:
            incident.pages += 1
            self.log(incident, "notify", service, now_ms, _BY_ITSELF, user_id)

    def _touch(self, incident: Incident, now_ms: int) -> None:
        incident.updated_at_ms = now_ms

    def _turn(self, incident: Incident, status: Status, agent: Agent, now_ms: int) -> None:
        incident.updated_at_ms = now_ms
        if status != incident.status:
            incident.last_status_change_by = agent
            service = self._directory.services[incident.service_id]
            service.triggered += (status == "triggered") - (incident.status == "triggered")
            incident.status = status
            incident.last_status_change_at_ms = now_ms

    def _wake(self, at_ms: int, incident: Incident) -> None:
        heapq.heappush(self._due, (at_ms, incident.id))

    def _tell(
        self,
        event_type: str,
        incident: Incident,
        entry: LogEntry,
        note: Note | None = None,
    ) -> None:
        if self.announce is not None:
            self.announce(event_type, incident, entry, note)


def close_alert(alert: Alert, now_ms: int) -> None:
    """An alert ends; the next trigger of its key opens a new one."""
    alert.is_open = False
    alert.resolved_at_ms = now_ms
