"""The course of one incident, and one unrelated alert: when, where and what fires."""

from __future__ import annotations

from math import log
from random import Random
from typing import Final, NamedTuple

from pipeline.domain.alert import Alert
from pipeline.domain.ids import fingerprint

REGIONS: Final = ("eu-central", "us-east", "ap-south")
INSTANCES: Final = 8

SIZE_MEDIAN: Final = 9
SIZE_SIGMA: Final = 0.85
SIZE_MIN: Final = 2
SIZE_MAX: Final = 61

SPREADS: Final = 0.2
"""So often the next alert comes from a service that was not affected before."""

SKIPS_SILENT: Final = 0.2
"""So often the trouble passes through a service that stays silent."""

STRAYS: Final = 0.04
"""So often an alert of an incident comes from another region."""

GAP_S: Final = 9.0
PAUSE_S: Final = 50.0
PAUSES: Final = 0.16
"""Alerts of an incident follow each other by GAP_S on average, at times by PAUSE_S."""

LASTS_MIN_S: Final = 240.0
LASTS_S: Final = 480.0
DELAY_MS: Final = 3_000

SYMPTOMS: Final = (
    "HighErrorRate",
    "HighLatencyP99",
    "RequestTimeouts",
    "QueueBacklog",
    "ConnectionPoolExhausted",
    "PodRestarting",
    "ThreadPoolSaturated",
    "ReplicationLag",
)
CHATTER: Final = (
    "CpuThrottled",
    "DiskFillingUp",
    "CertificateExpiresSoon",
    "JobFailed",
    "BackupLate",
    "MemoryPressure",
    "LogVolumeHigh",
    "ClockSkew",
)
KINDS: Final = (SYMPTOMS, CHATTER)
TROUBLE: Final = 0.8
"""So often an incident's alert is a symptom; an unrelated one is one in half of all cases."""


class Labelled(NamedTuple):
    """An alert and the incident that it truly belongs to ("" for none)."""

    alert: Alert
    incident: str


def size_of(dice: Random) -> int:
    """How many alerts an incident brings: log-normal, cut at both ends."""
    size = round(dice.lognormvariate(log(SIZE_MEDIAN), SIZE_SIGMA))
    return max(SIZE_MIN, min(SIZE_MAX, size))


def course(
    dice: Random, links: dict[str, tuple[str, ...]], incident: str, start_ms: int
) -> list[Labelled]:
    """The alerts of one incident that begins at `start_ms` somewhere in the graph."""
    region = dice.choice(REGIONS)
    affected = [dice.choice(tuple(links))]
    at_ms = start_ms
    found: list[Labelled] = []
    for _ in range(size_of(dice)):
        if found and dice.random() < SPREADS:
            _spread(dice, links, affected)
        service = affected[-1] if dice.random() < 0.5 else dice.choice(affected)
        where = dice.choice(REGIONS) if dice.random() < STRAYS else region
        found.append(Labelled(_alert(dice, service, where, at_ms, TROUBLE), incident))
        mean_s = PAUSE_S if dice.random() < PAUSES else GAP_S
        at_ms += round(1000 * dice.expovariate(1 / mean_s))
    return found


def unrelated(dice: Random, services: tuple[str, ...], at_ms: int) -> Labelled:
    """An alert that has to do with nothing else."""
    alert = _alert(dice, dice.choice(services), dice.choice(REGIONS), at_ms, 0.5)
    return Labelled(alert, "")


def _spread(dice: Random, links: dict[str, tuple[str, ...]], affected: list[str]) -> None:
    """Affect one more service next to an affected one, or next to a silent one next to it."""
    start = dice.choice(affected)
    if dice.random() < SKIPS_SILENT and links[start]:
        start = dice.choice(links[start])
    fresh = [name for name in links[start] if name not in affected]
    if fresh:
        affected.append(dice.choice(fresh))


def _alert(dice: Random, service: str, region: str, at_ms: int, trouble: float) -> Alert:
    kind = KINDS[dice.random() >= trouble]
    name = dice.choice(kind)
    instance = f"{service}-{dice.randrange(INSTANCES)}"
    severity = dice.choice(("critical", "error") if kind is SYMPTOMS else ("error", "warning"))
    lasts_s = LASTS_MIN_S + dice.expovariate(1 / LASTS_S)
    labels = {
        "alertname": name,
        "instance": instance,
        "region": region,
        "service": service,
        "severity": severity,
    }
    mark = fingerprint({key: text for key, text in labels.items() if key != "severity"})
    return Alert(
        alert_id=f"o-{mark}-{at_ms}",
        source="simulated",
        fingerprint=mark,
        name=name,
        description=f"{name} on {instance}",
        severity=severity,
        service=service,
        environment="production",
        region=region,
        instance=instance,
        starts_at_ms=at_ms,
        ends_at_ms=at_ms + round(1000 * lasts_s),
        received_at_ms=at_ms + dice.randrange(DELAY_MS),
        labels=labels,
    )
