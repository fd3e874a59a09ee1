"""What a silence would mute, before it is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from pipeline.domain.incident import Incident
from pipeline.domain.silence import Silence
from pipeline.oncall.maintenance import Calendar, Window
from pipeline.stages.route.config import DEFAULT_SCOPE
from pipeline.stages.route.firing import firing_alerts
from pipeline.stages.route.silences import read_matchers

INCIDENTS_MAX: Final = 1_000
"""Incidents named in a preview; further ones are counted."""


class Preview(Struct, frozen=True, kw_only=True):
    """What a silence means. `is_active`: it mutes at this instant; `windows` are its next ones.

    `muted` are the incidents all of whose firing alerts it matches, `partly` those of which it
    matches some (they go on telling people); at most INCIDENTS_MAX each, the counts are whole.
    """

    is_active: bool
    windows: tuple[Window, ...]
    muted: tuple[str, ...]
    partly: tuple[str, ...]
    muted_count: int
    partly_count: int


def preview(
    silence: Silence,
    incidents: Iterable[Incident],
    now_ms: int,
    windows_max: int = 5,
    scope: tuple[str, ...] = DEFAULT_SCOPE,
) -> Preview:
    """Compare a silence with the incidents of its tenant as if it were active now. `scope` is
    topology.yaml's.

    Raises ValueError, saying what to write, where the silence cannot be accepted: a matcher, a
    rule, a time zone or its times; or where it is over.
    """
    matchers = read_matchers(silence)
    calendar = Calendar(silence)
    windows = calendar.windows(now_ms, windows_max)
    if not windows:
        raise ValueError("this silence mutes nothing from here on: it is over, or has no window")
    muted: list[str] = []
    partly: list[str] = []
    for incident in incidents:
        alerts = firing_alerts(incident, scope) if incident.tenant == silence.tenant else ()
        matched = sum(alert.matches(matchers) for alert in alerts)
        if matched:
            (muted if matched == len(alerts) else partly).append(incident.incident_id)
    return Preview(
        is_active=calendar.window_at(now_ms) is not None,
        windows=windows,
        muted=tuple(muted[:INCIDENTS_MAX]),
        partly=tuple(partly[:INCIDENTS_MAX]),
        muted_count=len(muted),
        partly_count=len(partly),
    )
