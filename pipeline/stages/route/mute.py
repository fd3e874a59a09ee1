"""Whether an incident is muted now: each of its firing alerts is silenced or inhibited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from pipeline.domain.incident import Incident
from pipeline.stages.route.firing import FiringAlert
from pipeline.stages.route.inhibit import Inhibitions
from pipeline.stages.route.silences import Silences
from pipeline.stages.route.tables import Fact

LOOK_AGAIN_MS: Final = 60_000
"""A muted incident is looked at so often at least, since a silence may be taken back."""

BY_MAX: Final = 10
"""So many of the things that mute an incident are named on it."""


class Mute(Struct, frozen=True, kw_only=True):
    """What mutes an incident (`by`, sentences; none: it is not muted), and which incidents are
    among it. `until_ms` is when the first silence ends (0: unknown), `look_at_ms` when to ask
    again.
    """

    by: tuple[str, ...] = ()
    inhibitors: tuple[str, ...] = ()
    until_ms: int = 0
    look_at_ms: int = 0


def decide(
    incident: Incident,
    alerts: tuple[FiringAlert, ...],
    silences: Silences,
    inhibitions: Inhibitions,
    sources: Sequence[tuple[str, tuple[Fact, ...]]],
    now_ms: int,
) -> Mute:
    """Look at each firing alert; one that nothing mutes is enough to tell people."""
    by: dict[str, None] = {}
    inhibitors: dict[str, None] = {}
    ends: list[int] = []
    for alert in alerts:
        silenced = silences.muting(incident.tenant, alert, now_ms)
        if silenced is not None:
            silence, window = silenced
            what = "maintenance" if silence.rrule else "silence"
            by[f"muted by {what} {silence.silence_id}"] = None
            ends.append(window.end_ms)
            continue
        inhibited = inhibitions.inhibitor(alert, sources)
        if inhibited is None:
            return Mute()
        by[f"inhibited by {inhibited[0]} (inhibition {inhibited[1]})"] = None
        inhibitors[inhibited[0]] = None
    if not by:
        return Mute()
    until_ms = min(ends, default=0)
    # Each incident has its own second of the minute, so that not all of them are due at once.
    look_at_ms = now_ms + LOOK_AGAIN_MS - (now_ms - incident.opened_at_ms) % LOOK_AGAIN_MS
    return Mute(
        by=tuple(by)[:BY_MAX],
        inhibitors=tuple(inhibitors),
        until_ms=until_ms,
        look_at_ms=min(until_ms or look_at_ms, look_at_ms),
    )
