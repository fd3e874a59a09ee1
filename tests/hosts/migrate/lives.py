"""A data folder in the middle of things, and what comes after: the same on either host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.codec import encode
from pipeline.domain.call import CallResult
from pipeline.domain.command import Command
from pipeline.domain.silence import Silence
from pipeline.domain.sink import Delivered, Retry
from pipeline.domain.store import Output
from pipeline.hosts.embedded.driver import START_MS, Driver
from tests.hosts.migrate.worlds import OnDisk

NATIVE = {"format": "native"}
MINUTE_MS = 60_000


def text_of(app: str = "shop", partitions: int = 3, scope: str = "[environment, region]") -> str:
    """A topology with a receiver that answers, one that is busy and one that never does."""
    return f"""
app: {app}
scope: {scope}
defaults: {{partitions: {partitions}, replication: 1}}
receivers:
  on-call: {{sink: pagerduty, routing_key: "env:KEY", repeat: off}}
  busy: {{sink: pagerduty, routing_key: "env:KEY", repeat: off}}
  silent: {{sink: pagerduty, routing_key: "env:KEY", repeat: off}}
routes:
  receiver: on-call
  routes:
    - {{match: ['service="slow"'], receiver: silent}}
    - {{match: ['service="late"'], receiver: busy}}
"""


class Receivers:
    """What receivers are told, and what they answer: `is_up` once all of them do."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.is_up = False

    def __call__(self, key: str, entry: Any) -> CallResult | None:
        """The answer to one call."""
        told = entry.notification
        self.told.append(f"{told.action} {told.receiver} {told.incident_id} {told.title}")
        result = CallResult(key=key, attempt=entry.attempt, delivered=Delivered(ref=key))
        if self.is_up or told.receiver == "on-call":
            return result
        if told.receiver == "busy":
            return CallResult(key=key, attempt=entry.attempt, retry=Retry(why="503", status=503))
        return None


def alert(name: str, service: str, environment: str = "prod", **more: Any) -> Output:
    """One native alert as the edge writes it."""
    stated = {"name": name, "status": "firing", "severity": "critical", "service": service}
    body = json.dumps({**stated, "environment": environment, **more})
    return Output(topic="raw-alerts", key=name, value=body.encode(), headers=NATIVE)


def keyed(output: Output, key: str) -> Output:
    """The same with an Idempotency-Key."""
    return Output(
        topic=output.topic,
        key=output.key,
        value=output.value,
        headers={**output.headers, "idempotency-key": key},
    )


def command(driver: Any, kind: str, service: str, number: int) -> Output:
    """Something asked of the incident of a service."""
    incident = next(
        one for one in driver.table("incidents").values() if f"service={service}" in one.group_key
    )
    asked = Command(
        command_id=f"c-{number}",
        kind=kind,
        incident_id=incident.incident_id,
        scope_id=incident.scope_id,
        tenant=incident.tenant,
        author="ann",
        created_at_ms=driver.now_ms,
    )
    return Output(topic="commands", key=asked.scope_id, value=encode(asked))


def begin(folder: Path, text: str) -> tuple[dict[tuple[str, str], bytes], int]:
    """A folder with open incidents, timers, calls in all states, a silence and unread records.

    Gives its rows and the time at which it stands.
    """
    driver = OnDisk(folder, text, Receivers())
    silence = Silence(
        silence_id="quiet",
        tenant="default",
        matchers=('service="quiet"',),
        starts_at_ms=START_MS - MINUTE_MS,
        ends_at_ms=START_MS + 120 * MINUTE_MS,
        created_by="ann",
    )
    old = Silence(
        silence_id="old",
        tenant="default",
        matchers=('service="db"',),
        starts_at_ms=START_MS - 2 * MINUTE_MS,
        ends_at_ms=START_MS - MINUTE_MS,
        created_by="ann",
    )
    for one in (old, silence):
        driver.append([Output(topic="silences", key=one.silence_id, value=encode(one))])
    driver.append([Output(topic="silences", key="old", value=None)])
    ends_at_ms = START_MS + 10 * MINUTE_MS
    driver.append([alert("DiskFull", "db"), alert("Slow", "slow", "test")])
    driver.append([alert("Late", "late", "dev"), alert("Hush", "quiet")])
    driver.append([alert("Ends", "web", "stage", ends_at_ms=ends_at_ms)])
    driver.append([keyed(alert("Once", "once"), "k1")])
    driver.advance("1m")
    driver.host.log.append(
        [
            alert("DiskFull", "db"),
            alert("New", "mail", "dev"),
            keyed(alert("Once", "once", severity="warning"), "k1"),
            command(driver, "acknowledge", "db", 1),
        ],
        driver.now_ms,
    )
    rows, now_ms = driver.rows(), driver.now_ms
    driver.close()
    return rows, now_ms


def go_on(driver: Any, receivers: Receivers) -> list[str]:
    """What comes next, on either host; what was told since the start, and how all ended."""
    driver.append([alert("DiskFull", "db")])
    driver.advance("40s")
    receivers.is_up = True
    driver.advance("2m")
    driver.append([alert("Hush", "quiet"), keyed(alert("Once", "once"), "k1")])
    driver.advance("30m")
    driver.append([command(driver, "resolve", "db", 2)])
    driver.advance("2m")
    incidents = [
        f"{one.incident_id} {one.status} {one.severity} {one.title} {one.alert_count}"
        for one in driver.table("incidents").values()
    ]
    return sorted(receivers.told) + sorted(incidents)


def stayed(folder: Path, text: str, now_ms: int) -> list[str]:
    """The same folder, gone on with by another run of the embedded host."""
    receivers = Receivers()
    driver: Driver = OnDisk(folder, text, receivers, now_ms, slot="next")
    driver.settle()
    found = go_on(driver, receivers)
    assert isinstance(driver, OnDisk)
    driver.close()
    return found
