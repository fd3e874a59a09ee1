"""The reasons of `announce`: who is told of a change, and that it was no news."""

from __future__ import annotations

from typing import Final

from pipeline.domain.reason import Reason

TOLD: Final = Reason(
    "announce.told", "{receiver} is told of {kind} of {service}: it asks for changes"
)
NO_NEWS: Final = Reason(
    "announce.no_news", "nothing new, or nothing of the last day, of {service}", is_audited=False
)
