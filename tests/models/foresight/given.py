"""A small estate in which one rule foretells incidents and others do not."""

from random import Random

from pipeline.domain.foresight import (
    HEAD,
    MINUTE_MS,
    STEP_MS,
    Counts,
    Question,
    alerted,
    changed,
    opened,
)
from pipeline.domain.model import NO, YES, Features
from pipeline.models.foresight.kind import KIND
from pipeline.models.yesno.model import YesNo

START_MS = 1_700_000_000_000
SERVICES = ("web", "api", "store")
NEEDS = {"web": ("api",), "api": ("store",), "store": ()}


def lived(model: YesNo, hours: int, *, seed: int = 1) -> dict[str, Counts]:
    """So many hours: every two hours `DiskSlow` and, twenty minutes later, an incident at one
    service; noise everywhere. The model learns each answer with what came of it; the services
    as they are then.
    """
    counts = {each: Counts(known_at_ms=START_MS) for each in SERVICES}
    for hour in range(hours):
        dice = Random(f"{seed}/{hour}")
        troubled = dice.choice(SERVICES) if hour % 2 else ""
        for minute in range(0, 60, 5):
            at_ms = START_MS + (hour * 60 + minute) * MINUTE_MS
            if dice.random() < 0.3:
                noisy = dice.choice(SERVICES)
                counts[noisy] = alerted(
                    counts[noisy], dice.choice(("CpuHigh", "JobLate")), 2, at_ms
                )
            if troubled and minute in (10, 15, 20):
                counts[troubled] = alerted(counts[troubled], "DiskSlow", 3, at_ms)
            if troubled and minute == 35:
                counts[troubled] = opened(counts[troubled], at_ms + 1)
            if hour % 5 == 0 and minute == 0:
                counts["api"] = changed(counts["api"], at_ms)
            for each in SERVICES:
                is_yes = each == troubled and 5 <= minute < 35
                label = YES if is_yes else NO
                model.learn(asked(counts, each, at_ms + STEP_MS - 1), {HEAD: label})
    return counts


def asked(counts: dict[str, Counts], service: str, at_ms: int) -> Features:
    """The features of one of these services."""
    near = tuple(counts[each] for each in NEEDS[service])
    return KIND.features(Question(counts[service], near, at_ms))
