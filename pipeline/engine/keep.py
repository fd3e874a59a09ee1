"""Keep: the end of decide's chain. It stores each incident and emits it once per epoch.

Write-combining is the contract of `incidents`: one snapshot per changed incident and epoch, so
a storm on one incident costs one record.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from pipeline.domain.ids import scope_of
from pipeline.domain.incident import RESOLVED, Incident
from pipeline.domain.reason import REASONS_MAX
from pipeline.domain.stage import INCIDENTS, Context, TableSpec, Update
from pipeline.engine.agent import INCIDENTS_TOPIC
from pipeline.engine.context import Epoch

TOMBSTONE_AFTER_MS: Final = 30 * 86_400_000
"""A resolved incident leaves the table and the topic after so long, as raw-alerts does."""

TEST_TOMBSTONE_AFTER_MS: Final = 3_600_000
"""One of tests only, of which there is one a minute, leaves them after so long."""


class Keep:
    """The last stage of an agent that writes `incidents`. Unlike others it sees the Epoch."""

    name = "keep"
    accepts = (Update,)
    tables: tuple[TableSpec[Any], ...] = (INCIDENTS,)

    def __init__(self) -> None:
        self.epoch: Epoch | None = None

    def process(self, event: Any, ctx: Context) -> None:
        """Store the incident with the reasons given since the last one."""
        epoch = self.epoch
        assert epoch is not None  # noqa: S101  (set by the Task that owns this stage)
        incident = event.incident
        if epoch.lines:
            lines = (*incident.reasons, *epoch.lines)[-REASONS_MAX:]
            incident = replace(incident, reasons=lines)
        epoch.close_event(incident.incident_id)
        ctx.table(INCIDENTS).put(incident.incident_id, incident)
        epoch.kept.append((incident.incident_id, epoch.headers))
        if incident.status == RESOLVED:
            ctx.wake_at(incident.incident_id, _leaves_at_ms(incident))

    def wake(self, key: str, ctx: Context) -> None:
        """Let go of an incident that was resolved long ago, unless it was opened again."""
        incident = ctx.table(INCIDENTS).get(key)
        if incident is None or incident.status != RESOLVED:
            return
        due_ms = _leaves_at_ms(incident)
        if due_ms > ctx.now_ms:
            ctx.wake_at(key, due_ms)
            return
        ctx.table(INCIDENTS).delete(key)
        assert self.epoch is not None  # noqa: S101
        self.epoch.kept.append((key, self.epoch.headers))

    def owner_of_wake(self, key: str) -> str:
        """The scope of the incident that is let go of."""
        return scope_of(key)

    def flush(self, epoch: Epoch) -> None:
        """Emit each incident of the epoch once, as it now is, in the order first changed and
        with the headers of its last change.
        """
        table = epoch.tables[INCIDENTS.name]
        for incident_id, headers in dict(epoch.kept).items():
            epoch.headers = headers
            epoch.append(INCIDENTS_TOPIC, incident_id, table.get(incident_id))


def _leaves_at_ms(incident: Incident) -> int:
    after_ms = TEST_TOMBSTONE_AFTER_MS if incident.is_test else TOMBSTONE_AFTER_MS
    return incident.resolved_at_ms + after_ms
