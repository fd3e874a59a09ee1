"""Command: what a person or a remote system asks of an incident."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

KINDS: Final = (
    "acknowledge",
    "resolve",
    "snooze",
    "reassign",
    "merge",
    "note",
    "override",
    "not-useful",
    "page",
    "split",
)
"""override sets the severity; merge moves `incident_id` into `into`; not-useful says that nobody
should have been told of it, and changes nothing but what is learned; page that an incident which
is held back as quiet be told at once; split takes `part` out of an incident into one of its own."""

TEXT_SIZE_MAX: Final = 25_000


class Command(Struct, frozen=True, kw_only=True):
    """One request about one incident; which of the last fields matter depends on `kind`. `part`
    is the fingerprint of one of its alerts, or a service whose alerts are meant.

    `command_id` comes from the position in `commands` or from the caller's Idempotency-Key.
    """

    command_id: str
    kind: str
    incident_id: str
    scope_id: str
    tenant: str
    author: str
    text: str = ""
    until_ms: int = 0
    assignee: str = ""
    into: str = ""
    severity: str = ""
    created_at_ms: int = 0
    part: str = ""
