"""Correlate and foresee on the real Task, with a model that is quick to teach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.domain.alert import Alert
from pipeline.domain.catalog import Service
from pipeline.domain.foresight import HEAD, Question
from pipeline.domain.ids import digest64, scope_id
from pipeline.domain.incident import Incident
from pipeline.domain.model import Features, Model
from pipeline.domain.outcome import FORESIGHT, ModelRecord, Outcome, chunk_key
from pipeline.domain.stage import INCIDENTS, Context, TableSpec, Update
from pipeline.domain.wiring import Wiring
from pipeline.stages import correlate, foresee
from pipeline.stages.correlate.config import CorrelateConfig
from pipeline.stages.foresee.config import Foresee
from pipeline.stages.foresee.tables import SERVICES, ServiceRow
from tests.chain import START_MS, Chain
from tests.stages.learning import Counted, Counting, CountingKind

MODEL = "foresight@default"
SCOPE = scope_id("default", ("prod", "eu"))
ROW = 40


class Kind(CountingKind):
    """Features are one row: 40 and above, by how many alerts fired lately (10 at most)."""

    heads = (HEAD,)

    def features(self, subject: Any) -> Features:
        assert isinstance(subject, Question)
        count = sum(subject.at_ms - each.at_ms < 600_000 for each in subject.counts.rules.values())
        near = sum(bool(each.rules) for each in subject.near)
        row = ROW + min(count, 10) + 20 * min(near, 1)
        return Features((row,), (1.0,), (f"{count} alerts",))


class Learned(Counted):
    """Only the kind that foresees."""

    def __init__(self) -> None:
        self.kinds = {FORESIGHT: Kind()}

    is_loaded = True


class Keeper:
    """Stands at the end and keeps what passes."""

    name = "keeper"
    accepts = (Update,)
    tables: tuple[TableSpec[Any], ...] = ()

    def __init__(self) -> None:
        self.updates: list[Update] = []

    def process(self, event: Update, ctx: Context) -> None:
        self.updates.append(event)
        ctx.forward(event)

    def wake(self, key: str, ctx: Context) -> None:
        """Asks for none."""


class World:
    """Alerts in; incidents with a risk, outcomes and alerts of our own out."""

    def __init__(
        self,
        services: Mapping[str, Sequence[str]] | None = None,
        learning: Any = None,
        **section: Any,
    ) -> None:
        catalog = {
            name: Service(name=name, team="web", dependencies=tuple(needed))
            for name, needed in (services or {}).items()
        }
        wires = Wiring(
            sections={
                "correlate": CorrelateConfig(rules=(), dependency=None),
                "foresee": Foresee(**section),
            },
            learning=learning or Learned(),
        )
        self.keeper = Keeper()
        stages: list[Any] = [correlate.build(wires), foresee.build(wires), self.keeper]
        lookups = {"services": catalog, "models": {}, "changes": {}, "silences": {}}
        self.chain = Chain(stages, lookups=lookups)

    def fires(self, name: str, service: str = "shop", **fields: Any) -> Alert:
        """One alert, an incident of its own."""
        identity = digest64(name, service, str(fields.get("instance", "")), str(self.chain.now_ms))
        given = {
            "alert_id": f"o-{identity}",
            "fingerprint": identity,
            "environment": "prod",
            "region": "eu",
            "severity": "warning",
            "starts_at_ms": self.chain.now_ms,
        }
        alert = Alert(**{**given, **fields, "name": name, "service": service})
        self.chain.send("alerts", SCOPE, alert)
        return alert

    def send(self, alert: Alert) -> None:
        self.chain.send("alerts", SCOPE, alert)

    def publish(self, chances: Mapping[int, float], version: str = "v1") -> None:
        """A model that foresees with these chances by the count of alerts."""
        model: Model = Counting(
            {
                f"{ROW + count}|{HEAD}|{label}": round(100 * share)
                for count, chance in chances.items()
                for label, share in (("yes", chance), ("no", 1 - chance))
                if share
            },
            count=int(version[1:]),
        )
        head, chunks = model.snapshot(MODEL, 0)
        for index, body in enumerate(chunks):
            record = ModelRecord(model=MODEL, slot=0, index=index, body=body)
            self.chain.set_global("models", chunk_key(MODEL, 0, index), record)
        self.chain.set_global("models", MODEL, ModelRecord(model=MODEL, slot=0, heads=(head,)))

    def row(self, service: str = "shop") -> ServiceRow | None:
        found: ServiceRow | None = self.chain.table(SERVICES).get(f"{SCOPE}/{service}")
        return found

    def incidents(self) -> list[Incident]:
        rows = self.chain.table(INCIDENTS)
        return [rows[key] for key in sorted(rows, key=lambda each: int(each.partition(".")[2]))]

    def outcomes(self) -> list[Outcome]:
        return self.chain.outputs("outcomes")

    def labels(self) -> list[str]:
        return [each.labels[HEAD] for each in self.outcomes()]

    def own(self) -> list[Alert]:
        """Alerts of our own since the last time, which come back to the stage as they would."""
        found = self.chain.outputs("alerts")
        for each in found:
            self.send(each)
        return found


__all__ = ["START_MS", "World"]
