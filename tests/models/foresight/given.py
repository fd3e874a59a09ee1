"""A small estate in which one rule foretells incidents and others do not."""

from random import Random

from pipeline.models.foresight.predict import STEP_MS, Foresight

MINUTE_MS = 60_000
START_MS = 1_700_000_000_000
SERVICES = ("web", "api", "store")
NEEDS = {"web": ("api",), "api": ("store",), "store": ()}


def lived(model: Foresight, hours: int, *, seed: int = 1, from_hour: int = 0) -> list[float]:
    """So many hours: every two hours `DiskSlow` and, twenty minutes later, an incident at one
    service; noise everywhere. The answers, in order.
    """
    found = []
    for hour in range(from_hour, from_hour + hours):
        dice = Random(f"{seed}/{hour}")
        troubled = dice.choice(SERVICES) if hour % 2 else ""
        for minute in range(0, 60, 5):
            at_ms = START_MS + (hour * 60 + minute) * MINUTE_MS
            if dice.random() < 0.3:
                model.alerted(dice.choice(SERVICES), dice.choice(("CpuHigh", "JobLate")), 2, at_ms)
            if troubled and minute in (10, 15, 20):
                model.alerted(troubled, "DiskSlow", 3, at_ms)
            if troubled and minute == 35:
                model.opened(troubled, at_ms + 1)
            if hour % 5 == 0 and minute == 0:
                model.changed("api", at_ms)
            found += [model.risk(each, NEEDS[each], at_ms + STEP_MS - 1) for each in SERVICES]
    return found
