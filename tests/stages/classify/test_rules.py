"""Rules: tables of cases, each with what it went by."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.incident import Note
from pipeline.domain.model import HEADS
from pipeline.stages.classify.rules import ELSEWHERE, judge
from pipeline.stages.classify.words import KINDS, category, false_alarm, tone
from tests.stages.classify.given import NIGHT_MS, incident, known, ref

DAY_MS = NIGHT_MS + 10 * 3_600_000


def noted(*texts: str) -> tuple[Note, ...]:
    return tuple(Note(at_ms=1, author="ann", text=text) for text in texts)


@pytest.mark.parametrize(
    ("name", "description", "expected"),
    [
        ("HighCPU", "", "infrastructure/host"),
        ("HostOutOfMemory", "", "infrastructure/host"),
        ("PostgresqlDeadLocks", "", "infrastructure/storage"),
        ("KubernetesPodCrashLooping", "", "infrastructure/platform"),
        ("KafkaConsumersLag", "", "application/messaging"),
        ("NginxHighHttp5xxErrorRate", "", "application/runtime"),
        ("CertificateExpiresSoon", "", "security/access"),
        ("Brute force against ssh", "", "security/intrusion"),
        ("OrdersDropped", "", "business/revenue"),
        ("Customer complaints pile up", "", "business/experience"),
        ("ZigbeeThing", "the postgres replication is late", "infrastructure/storage"),
        ("Zigbee", "", ""),
        ("", "", ""),
        ("Ölstand ⚠", "", ""),
    ],
)
def test_category_by_words(name: str, description: str, expected: str) -> None:
    assert category(name, description)[0] == expected


def test_the_name_of_a_service_says_nothing_of_the_kind() -> None:
    text = "payments-db: payments wait, payments fail"
    assert category("LatencyHigh", text)[0] == "business/revenue"
    assert category("LatencyHigh", text, "payments-db")[0] == "application/runtime"


def test_a_label_of_the_sender_goes_before_words() -> None:
    it = incident(labels={"category": "Business/Revenue"})
    judged = judge(known(it))["category"]
    assert (judged.label, judged.reason) == ("business/revenue", "classify.label")
    unheard = judge(known(incident(labels={"category": "weather"})))["category"]
    assert (unheard.label, unheard.reason) == ("infrastructure/host", "classify.words")


@pytest.mark.parametrize(
    ("given", "around", "urgency", "impact"),
    [
        ({"severity": "critical"}, {}, "high weight", "medium weight"),
        ({"severity": "error"}, {}, "medium weight", "low weight"),
        ({"severity": "error"}, {"tier": 1}, "high weight", "medium weight"),
        ({"severity": "warning"}, {}, "medium weight", "low weight"),
        ({"severity": "info"}, {}, "low weight", "low weight"),
        ({"severity": "unknown"}, {}, "medium weight", "low weight"),
        ({"severity": "critical", "environment": "staging"}, {}, "low place", "low place"),
        ({"severity": "warning"}, {"change_age_ms": 60_000}, "high change", "low weight"),
        ({"severity": "info"}, {"change_age_ms": 60_000}, "low weight", "low weight"),
        ({"severity": "warning"}, {"change_age_ms": 3_600_000}, "medium weight", "low weight"),
        (
            {"severity": "critical"},
            {"tier": 1, "dependents_count": 9},
            "high weight",
            "high weight",
        ),
        ({"services": ("a", "b", "c")}, {"tier": 2}, "medium weight", "medium weight"),
        ({"labels": {"urgency": "low", "impact": "HIGH"}}, {}, "low label", "high label"),
        (
            {"notes": noted("customers complain, checkout is down")},
            {},
            "high people",
            "high people",
        ),
        ({"notes": noted("known and harmless")}, {}, "low people", "low people"),
        ({"notes": noted("looking")}, {}, "medium weight", "low weight"),
    ],
)
def test_urgency_and_impact(
    given: dict[str, Any], around: dict[str, Any], urgency: str, impact: str
) -> None:
    judged = judge(known(incident(**given), **around))
    for head, expected in (("urgency", urgency), ("impact", impact)):
        label, why = expected.split()
        assert (judged[head].label, judged[head].reason) == (label, f"classify.{why}"), head


def test_business_suffers_in_business_hours() -> None:
    it = incident(alerts=(ref("OrdersDropped"),), severity="critical")
    by_day = judge(known(it, tier=2, now_ms=DAY_MS))["impact"]
    by_night = judge(known(it, tier=2, now_ms=NIGHT_MS))["impact"]
    assert (by_day.label, by_day.reason) == ("high", "classify.hours")
    assert by_night.label == "medium"


def test_every_head_has_a_judgement_with_a_reason_and_no_confidence() -> None:
    judged = judge(known(incident(severity="nonsense", alerts=())))
    assert tuple(judged) == HEADS
    assert all(each.reason and each.confidence == 0 for each in judged.values())
    assert judged["severity"].label == ""


def test_the_team_is_the_catalogs() -> None:
    judged = judge(known(team="payments"))["team"]
    assert (judged.label, judged.reason) == ("payments", "classify.catalog")


def test_the_tables_hold_what_they_say() -> None:
    listed = [word for words in KINDS.values() for word in words.split()]
    assert len(listed) == len(set(listed)), "a word stands for one category"
    assert {name.partition("/")[0] for name in KINDS} == {
        "infrastructure",
        "application",
        "security",
        "business",
    }
    assert "" not in ELSEWHERE
    assert tone(["down DOWN calm later"]) == (1, "down")
    assert tone([]) == (0, "")
    assert false_alarm("A False Alarm again") == "false alarm"
    assert false_alarm("a real one") == ""
