"""Putting a stream together from its seed: the same seed gives the same stream, always.

Changing anything here changes what every published figure was measured on: do not.
"""

from __future__ import annotations

from random import Random
from typing import Final

from msgspec import Struct

from pipeline.domain.catalog import Service
from pipeline.simulate.stream.course import Labelled, course, unrelated
from pipeline.simulate.stream.graph import links_of, make_services

SEED: Final = 1
"""The seed on which figures are published; CHECK_SEED is printed beside it and never tuned on."""

CHECK_SEED: Final = 3

INCIDENTS: Final = 186
UNRELATED: Final = 8_700
LASTS_MS: Final = 6 * 86_400_000
START_MS: Final = 1_700_000_000_000


class Stream(Struct, frozen=True, kw_only=True):
    """The catalog, and the alerts in the order received."""

    seed: int
    services: dict[str, Service]
    alerts: tuple[Labelled, ...]


def make(seed: int) -> Stream:
    """The stream of a seed: INCIDENTS incidents among UNRELATED other alerts."""
    dice = Random(seed)
    services = make_services(dice)
    links = links_of(services)
    alerts: list[Labelled] = []
    for number in range(INCIDENTS):
        start_ms = START_MS + dice.randrange(LASTS_MS)
        alerts += course(dice, links, f"true-{number}", start_ms)
    names = tuple(services)
    for _ in range(UNRELATED):
        alerts.append(unrelated(dice, names, START_MS + dice.randrange(LASTS_MS)))
    alerts.sort(key=lambda each: (each.alert.received_at_ms, each.alert.alert_id))
    return Stream(seed=seed, services=services, alerts=tuple(alerts))
