"""The section `foresee` of topology.yaml: which incidents are foreseen, and whether that pages."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from pipeline.domain.alert import SEVERITIES

PER_DAY_MAX: Final = 100


class Foresee(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How likely a service is to have an incident within 30 minutes is shown on its open incidents,
    once a model has learned it from 2,000 answers, 30 of which came before an incident. Nobody is
    paged for it unless `page_at` says so.
    """

    severities: tuple[str, ...] = ("critical", "error")
    """A service has an incident when an alert of such a severity fires; of none: nothing is
    foreseen."""

    page_at: Annotated[float, Meta(gt=0, le=1)] | None = None
    """From this chance on an alert of its own says so, of severity warning and with the label
    foreseen="yes"; it ends when the chance has halved or the half hour is over. Default: never."""

    per_day: Annotated[int, Meta(ge=1, le=PER_DAY_MAX)] = 2
    """So many such alerts begin within 24 hours in one scope at most."""

    def __post_init__(self) -> None:
        """Raises ValueError for a severity that is none."""
        for severity in self.severities:
            if severity not in SEVERITIES:
                known = ", ".join(SEVERITIES)
                raise ValueError(f"severities: {severity!r} is none of {known}")
