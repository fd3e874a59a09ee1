"""What an update says about a service: an alert began to fire there, an incident came. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from msgspec import Struct

from pipeline.domain.alert import Alert
from pipeline.domain.incident import Incident
from pipeline.stages.foresee.alarm import is_own

KEPT_MAX: Final = 8
"""Incidents of one service that are remembered; at the limit the oldest is forgotten."""


class Happened(Struct, frozen=True):
    """`is_begun`: an alert fires that did not fire before. `is_incident`: so the service has an
    incident that it did not have before.
    """

    is_begun: bool
    is_incident: bool


NOTHING: Final = Happened(is_begun=False, is_incident=False)


def happened(
    before: Incident | None,
    incident: Incident,
    alert: Alert,
    had: Collection[str],
    severities: Collection[str],
) -> Happened:
    """What an alert's update means for the alert's service. `before` is the incident before it,
    `had` the incidents that counted as the service's, `severities` those that make one.

    A service has an incident from its first alert of such a severity on; not when an incident
    opens: mere signs of trouble are incidents too, and those are what foretells. Tests of the way
    and alerts of our own are nothing: we would learn that we were right.
    """
    if alert.is_test or not alert.service or not alert.is_firing or is_own(alert):
        return NOTHING
    is_reopened = before is None or not before.is_open
    is_begun = (
        before is None
        or is_reopened
        or incident.firing_count > before.firing_count
        or incident.alert_count > before.alert_count
    )
    is_known = incident.incident_id in had and not is_reopened
    return Happened(is_begun, is_incident=alert.severity in severities and not is_known)


def remembered(ids: tuple[str, ...], incident_id: str) -> tuple[str, ...]:
    """With one more incident as the latest."""
    if ids and ids[-1] == incident_id:
        return ids
    return (*[each for each in ids if each != incident_id][1 - KEPT_MAX :], incident_id)
