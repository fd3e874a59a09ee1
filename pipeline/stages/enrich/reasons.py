"""The reasons of `enrich`."""

from __future__ import annotations

from typing import Final

from pipeline.domain.reason import Reason

SERVICE_UNKNOWN: Final = Reason(
    "enrich.service_unknown", "The catalog has no service {service}", is_audited=False
)
