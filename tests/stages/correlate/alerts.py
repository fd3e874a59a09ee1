"""Alerts, commands and a chain with the one stage, as the tests of correlate use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from pipeline.domain.alert import Alert
from pipeline.domain.audit import AuditRecord
from pipeline.domain.catalog import Service
from pipeline.domain.command import Command
from pipeline.domain.ids import digest64, scope_id
from pipeline.domain.incident import Incident
from pipeline.domain.model import ModelKind
from pipeline.domain.outcome import LINKS
from pipeline.domain.stage import INCIDENTS
from pipeline.domain.units import decode_unit
from pipeline.domain.wiring import Learning, Wiring
from pipeline.models.link.kind import KIND
from pipeline.stages.correlate import build
from pipeline.stages.correlate.config import CorrelateConfig
from pipeline.stages.correlate.tables import ALERTS, COUNTS, AlertRow, IncidentRow
from tests.chain import START_MS, Chain

SCOPE = scope_id("default", ("prod", "eu"))


def config(**section: Any) -> CorrelateConfig:
    """The section as topology.yaml would give it."""
    return msgspec.convert(_bare(section), CorrelateConfig, dec_hook=decode_unit)


def _bare(section: dict[str, Any]) -> dict[str, Any]:
    """Without what groups by default, so that a test states all that matters to it."""
    bare = {"rules": (), "dependency": None, **section}
    if bare["dependency"]:
        bare["dependency"] = {"small": None, "gap": "2m", **bare["dependency"]}
    return bare


def firing(name: str, **fields: Any) -> Alert:
    """A firing alert; its identity is name, service and instance."""
    identity = (name, fields.get("service", ""), fields.get("instance", ""))
    given = {
        "alert_id": f"o-{digest64(*identity)}",
        "fingerprint": digest64(*identity),
        "name": name,
        "environment": "prod",
        "region": "eu",
        "severity": "error",
        "starts_at_ms": START_MS,
    }
    return Alert(**{**given, **fields})


def resolved(alert: Alert, at_ms: int) -> Alert:
    """The end of an alert's episode."""
    return replace(alert, status="resolved", ends_at_ms=at_ms)


class LearningLinks:
    """An installation that learns links, and nothing else."""

    is_loaded = True

    def __init__(self) -> None:
        self.kinds: Mapping[str, ModelKind[Any]] = {LINKS: KIND}


class Bench:
    """The stage on the real Task, with the questions that its tests ask."""

    def __init__(
        self,
        services: Mapping[str, Sequence[str]] | None = None,
        *,
        learning: Learning | None = None,
        **section: Any,
    ) -> None:
        self.stage = build(Wiring(sections={"correlate": config(**section)}, learning=learning))
        catalog = {
            name: Service(name=name, dependencies=tuple(needed))
            for name, needed in (services or {}).items()
        }
        self.chain = Chain([self.stage], lookups={"services": catalog, "models": {}})
        self.commands = 0

    @property
    def now_ms(self) -> int:
        return self.chain.now_ms

    def send(self, *alerts: Alert, tenant: str = "default") -> None:
        """Each alert in an epoch of its own."""
        for alert in alerts:
            self.chain.send("alerts", "", alert, {"tenant": tenant})

    def together(self, *alerts: Alert) -> None:
        """All alerts in one epoch."""
        self.chain.run([self.chain.record("alerts", "", alert) for alert in alerts])

    def advance(self, by: str) -> None:
        self.chain.advance(by)

    def command(self, kind: str, incident: str | int = 1, **fields: Any) -> AuditRecord:
        """Give a command and return what the audit says of it."""
        self.commands += 1
        number = incident if isinstance(incident, str) else f"{SCOPE}.{incident}"
        given = {
            "command_id": f"c{self.commands}",
            "kind": kind,
            "incident_id": number,
            "scope_id": SCOPE,
            "tenant": "default",
            "author": "ann",
        }
        self.chain.outputs("audit")
        self.chain.send("commands", SCOPE, Command(**{**given, **fields}))
        (record,) = [r for r in self.chain.outputs("audit") if r.command_id]
        assert isinstance(record, AuditRecord)
        return record

    def incidents(self) -> dict[str, Incident]:
        return self.chain.table(INCIDENTS)

    def incident(self, number: int = 1) -> Incident:
        return self.incidents()[f"{SCOPE}.{number}"]

    def open(self) -> list[Incident]:
        return [each for each in self.incidents().values() if each.is_open]

    def rows(self) -> dict[str, AlertRow]:
        return self.chain.table(ALERTS)

    def counts(self) -> dict[str, IncidentRow]:
        return self.chain.table(COUNTS)

    def reasons_of(self, number: int = 1) -> list[str]:
        return [line.reason.partition(".")[2] for line in self.incident(number).reasons]

    def reason_count(self, name: str) -> int:
        return self.chain.reasons.get(f"correlate.{name}", 0)
