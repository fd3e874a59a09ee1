"""AuditRecord: one decision with its reason, as kept on `audit`."""

from __future__ import annotations

from msgspec import Struct, field


class AuditRecord(Struct, frozen=True, kw_only=True):
    """One reason, where it was given and under which rules (`topology`: hash of the file).

    `command_id` is set where the decision answers a command: then `result` is `applied` or
    `refused`.
    """

    at_ms: int
    tenant: str
    agent: str
    stage: str
    reason: str
    text: str
    facts: dict[str, str] = field(default_factory=dict)
    incident_id: str = ""
    command_id: str = ""
    result: str = ""
    origin: str = ""
    trace_id: str = ""
    topology: str = ""
