"""The reasons of `foresee`. What is asked every few minutes is only counted."""

from __future__ import annotations

from typing import Final

from pipeline.domain.reason import Reason

ASKED: Final = Reason("foresee.asked", "the risk of {service} was asked", is_audited=False)
MOVED: Final = Reason(
    "foresee.moved", "{service} has an incident within {minutes} minutes with a chance of {chance}"
)
CALM: Final = Reason("foresee.calm", "nothing is foreseen for {service} any more")
FORETOLD: Final = Reason(
    "foresee.foretold", "an incident opened within the half hour", is_audited=False
)
HARMLESS: Final = Reason(
    "foresee.harmless", "no incident opened within the half hour", is_audited=False
)
EXCUSED: Final = Reason(
    "foresee.excused", "nobody was looking: what was asked is not learned", is_audited=False
)
BROKEN: Final = Reason(
    "foresee.broken", "a snapshot cannot be taken: an older one or none is asked", is_audited=False
)
FULL: Final = Reason(
    "foresee.full", "the scope has more than {most} services: this one is not counted",
    is_audited=False,
)  # fmt: skip
FORGOTTEN: Final = Reason("foresee.forgotten", "a service was quiet for long", is_audited=False)

# Alerts of its own.
TOLD: Final = Reason("foresee.told", "{service} is likely to have an incident ({chance})")
SPARED: Final = Reason(
    "foresee.spared",
    "{service} is likely to have an incident ({chance}), but {most} were told today",
)
CAME: Final = Reason("foresee.came", "the incident of {service} that was foreseen has come")
FELL: Final = Reason("foresee.fell", "{service} is no longer likely to have an incident ({chance})")
PASSED: Final = Reason("foresee.passed", "the half hour is over, and {service} had no incident")
