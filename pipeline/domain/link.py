"""Link: an alert beside an open incident nearby, as a model is asked whether they are one.

What turned out of such a pair is said by people: they merge, split, or leave things as they are.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

HEAD: Final = "same"
"""The one head of these models: is the alert part of the incident? YES or NO."""


class Pair(Struct, frozen=True, kw_only=True):
    """What is known of an alert beside an incident, by the alerts' own times.

    `hops` lie between the alert's service and the nearest one of the incident, `apart_ms` between
    it and the nearest alert of the incident there, `silent_ms` between it and the incident's latest
    alert anywhere, `pace_ms` is the mean gap between the incident's alerts. `size` counts those,
    `services_count` their services. `name` and `latest_name` are the alert's and the incident's
    latest alert's. `is_ruled` is what the dependency rule says.
    """

    hops: int
    apart_ms: int
    silent_ms: int
    pace_ms: int = 0
    size: int = 1
    services_count: int = 1
    name: str = ""
    latest_name: str = ""
    is_ruled: bool = False
