"""Notifications and receivers for the tests of everything between the outbox and the wire."""

from __future__ import annotations

from typing import Any

from pipeline.domain.call import CallResult
from pipeline.domain.incident import AlertRef
from pipeline.domain.notification import Link, Notification
from pipeline.domain.secret import Secret
from pipeline.domain.sink import Outcome, Sink
from pipeline.domain.units import Rate
from pipeline.domain.wiring import Wiring
from pipeline.sinks.pagerduty import SINK as PAGERDUTY
from pipeline.sinks.webhook import SINK as WEBHOOK
from pipeline.stages.send import build
from pipeline.stages.send.config import Receiver, receiver_config
from pipeline.stages.send.stage import SendStage
from pipeline.stages.send.tables import CALLING, OUTBOX, Entry, entry_key
from tests.chain import Chain

ROUTING_KEY = "0123456789abcdefghijklmnopqrstuv"
SIGNING_SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
SINKS: dict[str, Sink] = {"pagerduty": PAGERDUTY, "webhook": WEBHOOK}
FAST = Rate(2**40)


def pager(**fields: Any) -> Receiver:
    """A PagerDuty receiver without a rate, unless one is given."""
    given = {"sink": "pagerduty", "routing_key": Secret(ROUTING_KEY), "rate": FAST, **fields}
    return receiver_config(PAGERDUTY)(**given)


def hook(**fields: Any) -> Receiver:
    """A webhook receiver without a rate, unless one is given."""
    given = {
        "sink": "webhook",
        "url": "https://hooks.example/in",
        "secret": Secret(SIGNING_SECRET),
        "rate": FAST,
        **fields,
    }
    return receiver_config(WEBHOOK)(**given)


def told(
    sequence: int,
    action: str,
    incident_id: str = "00000000000000aa.1",
    receiver: str = "on-call",
    **fields: Any,
) -> Notification:
    """A notification as route makes it."""
    given = {
        "notification_id": f"{incident_id}/{receiver}/{sequence}",
        "incident_id": incident_id,
        "scope_id": incident_id.partition(".")[0],
        "tenant": "default",
        "receiver": receiver,
        "sequence": sequence,
        "action": action,
        "title": "Disk full on db-1",
        "severity": "critical",
        "status": "triggered",
        **fields,
    }
    return Notification(**given)


def rich(action: str, **fields: Any) -> Notification:
    """A notification with everything that one can have."""
    alert = AlertRef(
        fingerprint="c85f1c2b3a4d5e6f",
        alert_id="k-0123456789abcdef",
        name="DiskFull",
        severity="critical",
        status="firing",
        service="payments",
        instance="db-1:9100",
        description="97 % used",
        starts_at_ms=1_700_000_000_000,
    )
    given = {
        "description": "The disk of db-1 is full",
        "service": "payments",
        "source": "db-1:9100",
        "environment": "production",
        "region": "eu-1",
        "cluster": "blue",
        "team": "storage",
        "alert_count": 3,
        "firing_count": 2,
        "alerts": (alert,),
        "labels": {"alertname": "DiskFull", "team": "storage"},
        "annotations": {"summary": "Disk full", "runbook_url": "https://run.example/disk"},
        "links": (
            Link(href="https://run.example/disk", text="Runbook"),
            Link(href="https://graphs.example/disk.png", text="Disk", is_image=True),
            Link(href="http://graphs.example/plain.png", text="Not https", is_image=True),
        ),
        "why": "first notification of the incident",
        "starts_at_ms": 1_700_000_000_000,
        "received_at_ms": 1_700_000_001_000,
        "created_at_ms": 1_700_000_002_000,
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        **fields,
    }
    return told(1, action, **given)


class Delivery:
    """`deliver` on a real task: notifications in, calls seen, results given by hand."""

    def __init__(
        self, slot: str = "a", *, config: Receiver | None = None, is_dry: bool = False
    ) -> None:
        self.receivers = {"on-call": config or pager()}
        self._is_dry = is_dry
        self.chain = Chain([self._stage(slot)])

    def _stage(self, slot: str) -> SendStage:
        return build(
            Wiring(
                slot=slot,
                sections={"receivers": self.receivers},
                sinks=SINKS,
                is_dry=self._is_dry,
            )
        )

    def restart(self, slot: str, *, is_dry: bool = False) -> None:
        """The process ends, and another goes on from what is committed."""
        self._is_dry = is_dry
        self.chain.restart(self._stage(slot))

    def tell(self, *notifications: Notification) -> None:
        """One epoch with these notifications."""
        self.chain.run([self.chain.record("notifications", n.receiver, n) for n in notifications])

    def calls(self) -> list[Entry]:
        """The entries that are being called, by key."""
        return [e for e in self.chain.table(OUTBOX).values() if e.state == CALLING]

    def called(self) -> list[tuple[str, int]]:
        """What is being called, as (action, sequence)."""
        return [(e.notification.action, e.notification.sequence) for e in self.calls()]

    def answer(self, outcome: Outcome, entry: Entry | None = None) -> None:
        """The result of a call: of the only one under way, where none is named."""
        if entry is None:
            (entry,) = self.calls()
        kind = type(outcome).__name__.lower()
        self.chain.result(
            CallResult(key=entry_key(entry), attempt=entry.attempt, **{kind: outcome})  # type: ignore[arg-type]
        )

    def receipts(self) -> list[tuple[int, str]]:
        """The receipts since the last look, as (sequence, result)."""
        return [(r.sequence, r.result) for r in self.chain.outputs("receipts")]
