"""A scope whose incidents the tests move by hand, in front of the real stage on the real Task."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from pipeline.domain.alert import Alert
from pipeline.domain.command import Command
from pipeline.domain.incident import (
    ACKNOWLEDGED,
    RESOLVED,
    TRIGGERED,
    AlertRef,
    Incident,
    Routing,
)
from pipeline.domain.notification import Notification, Receipt
from pipeline.domain.silence import Silence
from pipeline.domain.stage import INCIDENTS, Context, Event, TableSpec, Update
from pipeline.domain.units import Duration
from pipeline.domain.wiring import Wiring
from pipeline.stages.route import build
from pipeline.stages.route.config import Inhibition, Route
from pipeline.stages.send.config import Receiver
from tests.chain import Chain

SCOPE = "00000000000000aa"
INCIDENT = f"{SCOPE}.1"


class Hand:
    """Stands where correlate stands: forwards the incident that the test has made."""

    name = "hand"
    accepts: tuple[type[Event], ...] = (Alert, Command, Receipt)
    tables: tuple[TableSpec[Any], ...] = ()

    def __init__(self) -> None:
        self.incidents: dict[str, Incident] = {}

    def process(self, event: Any, ctx: Context) -> None:
        incident_id = event.incident_id if not isinstance(event, Alert) else event.source_id
        kept = ctx.table(INCIDENTS).get(incident_id)
        incident = replace(
            self.incidents[incident_id],
            routing=kept.routing if kept else Routing(),
            reasons=kept.reasons if kept else (),
        )
        ctx.forward(Update(incident=incident, cause=event))

    def wake(self, key: str, ctx: Context) -> None:
        raise AssertionError("nobody asked for it")


class World:
    """Incidents `INCIDENT` and others by their number; each method is one epoch."""

    def __init__(
        self,
        root: Route,
        inhibit: tuple[Inhibition, ...] = (),
        receivers: dict[str, Receiver] | None = None,
        silences: dict[str, Silence] | None = None,
    ) -> None:
        self.hand = Hand()
        stage = build(
            Wiring(sections={"routes": root, "inhibit": inhibit, "receivers": receivers or {}})
        )
        self.chain = Chain([self.hand, stage], lookups={"silences": silences or {}})
        self.annotations: dict[str, str] = {}
        self.sent: list[Notification] = []

    def open(self, n: int = 1, **facts: Any) -> list[Notification]:
        severity = facts.setdefault("severity", "critical")
        facts.setdefault("opened_at_ms", self.chain.now_ms)
        name = facts.pop("name", "Down")
        facts.setdefault("alerts", (ref(name=name, severity=severity),))
        facts.setdefault("alert_count", len(facts["alerts"]))
        facts.setdefault("firing_count", len(facts["alerts"]))
        self.hand.incidents[f"{SCOPE}.{n}"] = Incident(
            incident_id=f"{SCOPE}.{n}",
            scope_id=SCOPE,
            tenant="default",
            status=TRIGGERED,
            title=name,
            group_key="g",
            rule="r",
            **facts,
        )
        return self.alert(n)

    def change(self, n: int = 1, **facts: Any) -> None:
        self.hand.incidents[f"{SCOPE}.{n}"] = replace(self.hand.incidents[f"{SCOPE}.{n}"], **facts)

    def alert(self, n: int = 1, **facts: Any) -> list[Notification]:
        """An alert that changed the incident so."""
        self.change(n, **facts)
        return self._send(
            "alerts",
            Alert(
                alert_id="a",
                fingerprint="f",
                name="Down",
                source_id=f"{SCOPE}.{n}",
                received_at_ms=self.chain.now_ms,
                annotations=self.annotations,
            ),
        )

    def command(self, kind: str, n: int = 1, **facts: Any) -> list[Notification]:
        self.change(n, **facts)
        return self._send(
            "commands",
            Command(
                command_id="c",
                kind=kind,
                incident_id=f"{SCOPE}.{n}",
                scope_id=SCOPE,
                tenant="default",
                author="ann",
            ),
        )

    def acknowledge(self, n: int = 1) -> list[Notification]:
        return self.command(
            "acknowledge",
            n,
            status=ACKNOWLEDGED,
            acknowledged_by="ann",
            acknowledged_at_ms=self.chain.now_ms,
        )

    def resolve(self, n: int = 1) -> list[Notification]:
        refs = tuple(
            replace(ref, status="resolved") for ref in self.hand.incidents[f"{SCOPE}.{n}"].alerts
        )
        return self.alert(
            n, status=RESOLVED, resolved_at_ms=self.chain.now_ms, alerts=refs, firing_count=0
        )

    def reopen(self, n: int = 1) -> list[Notification]:
        refs = tuple(
            replace(ref, status="firing") for ref in self.hand.incidents[f"{SCOPE}.{n}"].alerts
        )
        return self.alert(
            n,
            status=TRIGGERED,
            resolved_at_ms=0,
            acknowledged_by="",
            acknowledged_at_ms=0,
            alerts=refs,
            firing_count=len(refs),
        )

    def receipt(self, notification: Notification, result: str, ref: str = "") -> None:
        """A receipt comes back; it must not make anyone be told."""
        sent = self._send(
            "receipts",
            Receipt(
                notification_id=notification.notification_id,
                incident_id=notification.incident_id,
                scope_id=SCOPE,
                tenant="default",
                receiver=notification.receiver,
                sequence=notification.sequence,
                action=notification.action,
                result=result,
                ref=ref,
            ),
        )
        assert sent == []

    def advance(self, by: str | int) -> list[Notification]:
        self.chain.advance(by)
        return self._drain()

    def kept(self, n: int = 1) -> Incident:
        found: Incident = self.chain.table(INCIDENTS)[f"{SCOPE}.{n}"]
        return found

    def lines(self, n: int = 1) -> list[str]:
        """The names of the reasons on the incident, in their order."""
        return [line.reason for line in self.kept(n).reasons]

    def silence(self, silence_id: str, *matchers: str, for_ms: int = 3_600_000) -> None:
        now_ms = self.chain.now_ms
        self.chain.set_global(
            "silences",
            silence_id,
            Silence(
                silence_id=silence_id,
                tenant="default",
                matchers=matchers,
                starts_at_ms=now_ms,
                ends_at_ms=now_ms + for_ms,
                created_by="ann",
            ),
        )

    def _send(self, topic: str, event: Any) -> list[Notification]:
        self.chain.send(topic, SCOPE, event)
        return self._drain()

    def _drain(self) -> list[Notification]:
        fresh = self.chain.outputs("notifications")
        self.sent.extend(fresh)
        return fresh


def ref(name: str = "Down", severity: str = "critical", **facts: Any) -> AlertRef:
    return AlertRef(
        fingerprint=facts.pop("fingerprint", "f"),
        alert_id="a",
        name=name,
        severity=severity,
        status=facts.pop("status", "firing"),
        **facts,
    )


def said(notifications: list[Notification]) -> list[tuple[str, str, int]]:
    """What was told, to whom, with which number."""
    return [(each.receiver, each.action, each.sequence) for each in notifications]


def receiver(**facts: Any) -> Receiver:
    repeat = facts.pop("repeat", None)
    return Receiver(
        sink="webhook", repeat=None if repeat is None else Duration.parse(repeat), **facts
    )
