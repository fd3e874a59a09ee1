"""Recorded alerts with a truth of their own, read where they lie: network alarms, IDS alerts.

gcastle: alarms of a wireless network with the causal graph between their kinds (an .npy file).
ait-ads: IDS alerts of two simulated companies under attack, each with the attack's phase
(`time_label`) and the step that caused it (`event_label`).
"""

from __future__ import annotations

import csv
import gzip
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.domain.alert import Alert
from pipeline.domain.ids import digest64

DATASETS: Final = Path(__file__).resolve().parents[2].parent / "shared" / "datasets"
LASTS_MS: Final = 60_000
"""An IDS alert is an instant; it counts as firing for so long."""


class Labelled(NamedTuple):
    """An IDS alert, its scenario and phase ("" outside an attack), and its step ("" likewise)."""

    alert: Alert
    phase: str
    step: str


def ids_alerts() -> list[Labelled]:
    """The alerts of all scenarios of ait-ads, each in an environment of its own, by time."""
    found = []
    for path in sorted((DATASETS / "ait-ads").glob("*_alerts.csv.gz")):
        scenario = path.name.partition("_")[0]
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            found += [_ids_alert(scenario, row) for row in csv.DictReader(lines)]
    found.sort(key=lambda each: each.alert.received_at_ms)
    return found


def _ids_alert(scenario: str, row: dict[str, str]) -> Labelled:
    at_ms = int(row["time"]) * 1000
    mark = digest64(scenario, row["name"], row["host"], row["ip"])
    alert = Alert(
        alert_id=f"o-{mark}",
        fingerprint=mark,
        name=row["name"],
        environment=scenario,
        host=row["host"],
        severity="warning",
        starts_at_ms=at_ms,
        ends_at_ms=at_ms + LASTS_MS,
        received_at_ms=at_ms,
        labels={"short": row["short"], "ip": row["ip"]},
    )
    is_attack = row["time_label"] != "false_positive"
    step = "" if row["event_label"] == "-" else row["event_label"]
    return Labelled(alert, f"{scenario}/{row['time_label']}" if is_attack else "", step)


def network_alarms() -> list[Alert]:
    """The alarms of gcastle's 18 kinds on 55 devices, by time; its seconds count from 0."""
    path = DATASETS / "gcastle" / "18V_55N_Wireless" / "Alarm.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        alarms = [_alarm(row) for row in csv.DictReader(lines)]
    alarms.sort(key=lambda alarm: alarm.received_at_ms)
    return alarms


def _alarm(row: dict[str, str]) -> Alert:
    mark = digest64(row["alarm_id"], row["device_id"])
    starts_ms = int(float(row["start_timestamp"]) * 1000) + 1
    ends_ms = int(float(row["end_timestamp"]) * 1000) + 1
    return Alert(
        alert_id=f"o-{mark}",
        fingerprint=mark,
        name=row["alarm_id"],
        environment="network",
        host=row["device_id"],
        severity="warning",
        starts_at_ms=starts_ms,
        ends_at_ms=max(ends_ms, starts_ms + 1),
        received_at_ms=starts_ms,
    )


def causal_links() -> set[tuple[str, str]]:
    """The pairs of alarm kinds of which one causes the other, in both directions."""
    path = DATASETS / "gcastle" / "18V_55N_Wireless" / "DAG.npy"
    links = set()
    for row, values in enumerate(_matrix(path.read_bytes())):
        for column, value in enumerate(values):
            if value and row != column:
                links |= {(str(row), str(column)), (str(column), str(row))}
    return links


def _matrix(raw: bytes) -> Iterator[tuple[float, ...]]:
    """The rows of a square .npy matrix (format 1.0: a header as text, then the numbers)."""
    (size,) = struct.unpack_from("<H", raw, 8)
    header = raw[10 : 10 + size].decode("latin-1")
    code = {"<i8": "q", "<f8": "d", "<i4": "i", "|i1": "b"}[header.split("'descr': '")[1][:3]]
    numbers = struct.iter_unpack(f"<{code}", raw[10 + size :])
    flat = [number for (number,) in numbers]
    side = int(len(flat) ** 0.5)
    for start in range(0, side * side, side):
        yield tuple(flat[start : start + side])
