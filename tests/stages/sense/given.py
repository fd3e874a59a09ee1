"""A chain of correlate and sense, and alerts for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.domain.alert import Alert
from pipeline.domain.incident import Incident
from pipeline.domain.wiring import Wiring
from pipeline.engine.keep import Keep
from pipeline.models.anomaly.kept import RecordDetector
from pipeline.models.graph.rows import RowedPrecedence
from pipeline.stages import correlate, sense
from pipeline.stages.correlate.config import CorrelateConfig
from pipeline.stages.sense.config import Sense
from pipeline.stages.sense.stage import SenseStage
from tests.chain import Chain


def stage(config: Sense | None = None) -> SenseStage:
    """The stage with the detector that the product has."""
    sections = {"sense": config or Sense()}
    return sense.build(
        Wiring(sections=sections, detector=RecordDetector(), precedes=RowedPrecedence())
    )


class Scope:
    """Alerts of one scope, each on an incident of its own, behind the real correlate."""

    def __init__(self, config: Sense | None = None) -> None:
        wiring = Wiring(sections={"correlate": CorrelateConfig(rules=())})
        self.stages = (correlate.build(wiring), stage(config))
        self.chain = Chain(self.stages, lookups={"services": {}})
        self._count = 0

    def fire(self, count: int = 1, **fields: Any) -> list[Incident]:
        """So many new alerts at once, in one epoch; their incidents."""
        records = [self.chain.record("alerts", "", self.alert(**fields)) for _ in range(count)]
        self.chain.run(records)
        return self.incidents()[-count:]

    def alert(self, **fields: Any) -> Alert:
        """One alert that nobody saw before, which began just now."""
        self._count += 1
        now_ms = self.chain.now_ms
        given: dict[str, Any] = {
            "alert_id": f"o-{self._count}",
            "fingerprint": f"{self._count:016x}",
            "name": "DiskFull",
            "service": "db",
            "received_at_ms": now_ms,
            "starts_at_ms": now_ms,
            **fields,
        }
        return Alert(**given)

    def incidents(self) -> list[Incident]:
        """All incidents, the first first."""
        rows = self.chain.table(Keep.tables[0])
        return [rows[key] for key in sorted(rows, key=lambda key: int(key.partition(".")[2]))]

    def quiet_days(self, times: int = 6, every: str = "3h", **fields: Any) -> None:
        """One alert now and then, so that this is known to be usual."""
        for _ in range(times):
            self.fire(**fields)
            self.chain.advance(every)


def texts(incidents: Sequence[Incident]) -> list[str]:
    """Which series are said to be unusual on them."""
    return sorted({f"{each.kind} {each.series}" for one in incidents for each in one.unusual})
