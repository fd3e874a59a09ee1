"""The firing alerts of an incident as label sets: what silences and inhibitions compare.

People mute alerts; an incident is muted when each of its firing alerts is. An incident lists only
so many alerts, with few of their labels, so this is compared: of each listed alert that fires, the
labels that all alerts of the incident share, then its own name, severity, service and instance; and
where more fire than are listed, what all share, once, for the others. Where an incident has several
alerts, a label that is in neither is not absent but unknown: a matcher on it does not match, not
even a negative one, and two unknown ones are not equal. So in doubt somebody is told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct

from pipeline.domain.incident import Incident
from pipeline.domain.matchers import Matcher, label_set_of_listed, label_set_of_unlisted

OWN: Final = ("name", "severity", "service", "instance")
"""What an incident knows of each listed alert for itself."""


class FiringAlert(Struct, frozen=True):
    """The labels known of one firing alert; `is_whole` where what is not there is absent."""

    labels: Mapping[str, str]
    is_whole: bool

    def matches(self, matchers: tuple[Matcher, ...]) -> bool:
        """Whether all matchers are known to accept it."""
        for matcher in matchers:
            value = self.labels.get(matcher.name)
            if value is None and not self.is_whole:
                return False
            if not matcher.accepts(value or ""):
                return False
        return True

    def values(self, names: tuple[str, ...]) -> tuple[str, ...] | None:
        """The values of some labels; None where one of them is unknown."""
        if not self.is_whole and any(name not in self.labels for name in names):
            return None
        return tuple([self.labels.get(name, "") for name in names])


def firing_alerts(
    incident: Incident, scope: Collection[str], fields: tuple[str, ...] = OWN
) -> tuple[FiringAlert, ...]:
    """Those of an incident; none where it is over or nothing fires now.

    `scope` are the labels of a scope: an incident's environment, region and cluster are its
    first alert's, and hold for the others only where the scope sees to it.
    Alerts that are the same in `fields` stand for each other: who asks for fewer labels gets
    fewer of them.
    """
    if not incident.is_open or incident.merged_into or not incident.firing_count:
        return ()
    is_whole = incident.alert_count <= 1
    firing = [ref for ref in incident.alerts if ref.status == "firing"]
    distinct = {tuple([getattr(ref, name) for name in fields]): ref for ref in firing}
    found = [
        FiringAlert(label_set_of_listed(incident, ref, scope), is_whole)
        for ref in distinct.values()
    ]
    if len(firing) < incident.firing_count:
        found.append(FiringAlert(label_set_of_unlisted(incident, scope), is_whole=False))
    return tuple(found)
