"""Small stages for tests of the engine: they count, fail, wake and forward on request."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.alert import Alert
from pipeline.domain.deadletter import Rejected
from pipeline.domain.incident import Incident
from pipeline.domain.reason import Reason
from pipeline.domain.stage import INCIDENTS, Context, TableSpec, Update

COUNTED = Reason("toy.counted", "counted {name}")
SEEN = Reason("toy.seen", "seen", is_audited=False)


class Count(Struct, frozen=True):
    """How often a key was seen."""

    n: int


COUNTS = TableSpec(name="counts", type=Count)


class Counter:
    """Counts alerts by name; `boom` raises after having written, `bad` is rejected."""

    name = "toy"
    accepts = (Alert,)
    tables: tuple[TableSpec[Any], ...] = (COUNTS,)

    def __init__(self, boom: str = "boom") -> None:
        self.boom = boom
        self.woken: list[tuple[str, int]] = []

    def process(self, event: Alert, ctx: Context) -> None:
        """Count, then do what the alert's name says."""
        table = ctx.table(COUNTS)
        before = table.get(event.name)
        n = 1 if before is None else before.n + 1
        table.put(event.name, Count(n))
        ctx.reason(SEEN)
        ctx.emit("alerts", event.name, event)
        if event.name == self.boom:
            raise ValueError("this event is poison")
        if event.name == "bad":
            ctx.forward(Rejected(reason="bad", detail="as asked", path="name"))
        if event.name.startswith("wake"):
            ctx.wake_at(event.name, event.starts_at_ms)
        if event.name.startswith("incident"):
            ctx.reason(COUNTED, name=event.name)
            found = ctx.table(INCIDENTS).get(event.name) or incident(event.name, n)
            ctx.forward(Update(incident=replace(found, event_count=n), cause=event))

    def wake(self, key: str, ctx: Context) -> None:
        """Remember the wake; `wake-boom` raises, `wake-again` asks for the same instant."""
        self.woken.append((key, ctx.now_ms))
        ctx.table(COUNTS).put(f"woken {key}", Count(len(self.woken)))
        if key == "wake-boom":
            raise ValueError("this wake is poison")
        if key == "wake-again":
            ctx.wake_at(key, ctx.now_ms)


def incident(name: str, n: int, title: str = "") -> Incident:
    """An incident with `n` as its number of events."""
    return Incident(
        incident_id=name,
        scope_id="s",
        tenant="default",
        status="triggered",
        title=title or name,
        severity="error",
        group_key="",
        rule="",
        event_count=n,
    )


def alert(name: str, **fields: Any) -> Alert:
    """An alert of which only the name matters."""
    return Alert(alert_id=f"o-{name}", fingerprint="0" * 16, name=name, **fields)
