"""The incidents of one scope as one event sees them: found, opened, kept, closed, merged.

An incident and the counts beneath it are changed by pure functions; here is where the result
goes back into the tables, is forwarded, and gets the wake that it needs.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from pipeline.domain.alert import Alert
from pipeline.domain.command import Command
from pipeline.domain.ids import scope_of
from pipeline.domain.incident import TRIGGERED, Incident
from pipeline.domain.notification import Receipt
from pipeline.domain.stage import INCIDENTS, Context, Update, Wake
from pipeline.stages.correlate import reasons, turned_out, wakes
from pipeline.stages.correlate.config import CorrelateConfig
from pipeline.stages.correlate.incident import Case, closed, firing_count, merged, opened, shown
from pipeline.stages.correlate.links import Links
from pipeline.stages.correlate.tables import COUNTS, LINKED, SCOPES, IncidentRow, ScopeRow, row_key

Cause = Alert | Command | Receipt | Wake

MERGES_FOLLOWED_MAX: Final = 64
"""A chain of merges is followed so far; each link was an incident of its own."""


class Ledger:
    """The incidents of one scope, during one event or wake caused by `cause`."""

    __slots__ = ("_cause", "_config", "_counts", "_ctx", "_incidents", "_links", "_scopes", "scope")

    def __init__(
        self, scope: str, ctx: Context, config: CorrelateConfig, cause: Cause, links: Links
    ) -> None:
        self.scope = scope
        self._ctx = ctx
        self._config = config
        self._cause = cause
        self._links = links
        self._incidents = ctx.table(INCIDENTS)
        self._counts = ctx.table(COUNTS)
        self._scopes = ctx.table(SCOPES)

    def find(self, incident_id: str) -> Case | None:
        """The case under an id, or the one that it was merged into; None where forgotten."""
        for _ in range(MERGES_FOLLOWED_MAX):
            row = self._counts.get(row_key(incident_id))
            if row is None:
                return None
            if not row.merged_into:
                incident = self._incidents.get(incident_id)
                return None if incident is None else Case(incident, row)
            incident_id = row.merged_into
        return None

    def at(self, incident_id: str, row: IncidentRow) -> Case | None:
        """The case of exactly this incident, merged or not, with the row given."""
        incident = self._incidents.get(incident_id)
        return None if incident is None else Case(incident, row)

    @property
    def scope_row(self) -> ScopeRow:
        """How many incidents the scope has had and has open."""
        return self._scopes.get(f"{self.scope}/") or ScopeRow()

    def is_full(self) -> bool:
        """Whether the scope has as many open incidents as it may have."""
        return self.scope_row.open_count >= self._config.open_incidents_max

    def open(self, alert: Alert, group_key: str, rule: str) -> Case:
        """A new incident for an alert that is not on it yet."""
        scope = self.scope_row
        number = scope.last_n + 1
        self._scopes.put(
            f"{self.scope}/",
            replace(scope, last_n=number, open_count=scope.open_count + 1),
        )
        origin = self._ctx.origin
        incident = Incident(
            incident_id=f"{self.scope}.{number}",
            scope_id=self.scope,
            tenant=origin.tenant,
            status=TRIGGERED,
            title="",
            severity=alert.severity,
            group_key=group_key,
            rule=rule,
            opened_at_ms=self._ctx.now_ms,
            trace_id=origin.trace_id,
            origin=origin.text,
        )
        return Case(opened(incident, alert), IncidentRow())

    def overflow(self, alert: Alert) -> Case:
        """The scope's open overflow incident, or a new one beyond the bound."""
        known = self.scope_row.overflow_id
        case = self.find(known) if known else None
        if case is not None and case.incident.is_open:
            return case
        case = self.open(alert, "overflow", "overflow")
        incident = replace(case.incident, title="More alerts than incidents may be open")
        self._scopes.put(
            f"{self.scope}/", replace(self.scope_row, overflow_id=incident.incident_id)
        )
        return Case(incident, case.row)

    def count_open(self, by: int) -> None:
        """Note that so many more incidents of the scope are open."""
        row = self.scope_row
        self._scopes.put(f"{self.scope}/", replace(row, open_count=max(0, row.open_count + by)))

    def note(self, case: Case) -> None:
        """Keep the counts without telling anybody."""
        self._counts.put(row_key(case.incident.incident_id), self._with_wake(case).row)

    def settle(self, case: Case) -> None:
        """Keep a case and forward it, with its counts shown; a quiet one closes or waits."""
        now_ms = self._ctx.now_ms
        row = case.row
        if case.incident.is_open:
            if firing_count(row):
                row = replace(row, quiet_from_ms=0) if row.quiet_from_ms else row
            elif not row.quiet_from_ms:
                row = replace(row, quiet_from_ms=now_ms)
        case = shown(Case(case.incident, row), now_ms)
        is_over = case.row.quiet_from_ms and now_ms >= case.row.quiet_from_ms + self._config.quiet
        if case.incident.is_open and is_over:
            self._ctx.reason(reasons.QUIET, incident_id=case.incident.incident_id)
            case = closed(case, now_ms, "")
            self.ended(case.incident)
        self.forward(case)

    def ended(self, incident: Incident) -> None:
        """Note that an incident has resolved, and tell what that says of links."""
        self.count_open(-1)
        turned_out.ended(incident, self._links, self.find, self._ctx)

    def forward(self, case: Case) -> None:
        """Keep a case and forward it as it is."""
        case = self._with_wake(case)
        self._counts.put(row_key(case.incident.incident_id), case.row)
        self._ctx.forward(Update(incident=case.incident, cause=self._cause))

    def merge(self, one: Case, other: Case, why: str) -> Case:
        """Merge the younger of two open incidents into the older, and forward the younger."""
        winner, loser = sorted((one, other), key=lambda case: number_of(case.incident))
        return self.merge_into(winner, loser, why)

    def merge_into(self, winner: Case, loser: Case, why: str) -> Case:
        """Merge `loser` into `winner`; the winner is left to be settled."""
        winner_id, loser_id = winner.incident.incident_id, loser.incident.incident_id
        is_said = isinstance(self._cause, Command)
        turned_out.merged(
            winner.incident, loser_id, self._links, self.find, self._ctx, is_said=is_said
        )
        winner, loser = merged(winner, loser, self._ctx.now_ms)
        self._ctx.reason(reasons.MERGED, incident_id=loser_id, into=winner_id, because=why)
        self.count_open(-1)
        self.forward(loser)
        self._ctx.reason(reasons.ABSORBED, incident_id=winner_id, merged=loser_id, because=why)
        return winner

    def due_at(self, case: Case) -> int:
        """When time alone changes something about a case; 0 for never."""
        row, incident, config = case.row, case.incident, self._config
        if not incident.is_open:
            return row.closed_at_ms + max(config.remember, config.reopen, config.refire)
        due = row.quiet_from_ms + config.quiet if row.quiet_from_ms else 0
        if incident.snoozed_until_ms:
            due = min(due or incident.snoozed_until_ms, incident.snoozed_until_ms)
        return due

    def is_held(self, row: IncidentRow) -> bool:
        """Whether a merged incident's row must stay: its alerts still lead through it."""
        winner = self.find(row.merged_into) if row.merged_into else None
        return winner is not None and winner.incident.is_open

    def held(self, incident_id: str, row: IncidentRow) -> IncidentRow:
        """The row of a merged incident with another look later."""
        due = self._ctx.now_ms + self._config.remember
        self._ctx.wake_at(wakes.name(wakes.INCIDENT, row_key(incident_id)), due)
        return replace(row, wake_at_ms=due)

    def forget(self, incident_id: str) -> None:
        """Let go of the rows of an incident that closed long ago."""
        self._counts.delete(row_key(incident_id))
        self._ctx.table(LINKED).delete(row_key(incident_id))

    def _with_wake(self, case: Case) -> Case:
        """Ask for an earlier wake where one is needed; a later wish is left to the wake itself."""
        due, row = self.due_at(case), case.row
        if due and (row.wake_at_ms == 0 or due < row.wake_at_ms):
            self._ctx.wake_at(wakes.name(wakes.INCIDENT, row_key(case.incident.incident_id)), due)
            return Case(case.incident, replace(row, wake_at_ms=due))
        return case


def number_of(incident: Incident) -> int:
    """The place of an incident in its scope's order."""
    return int(incident.incident_id[len(scope_of(incident.incident_id)) + 1 :])
