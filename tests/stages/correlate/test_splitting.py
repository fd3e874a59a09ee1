"""A person splits an incident: what goes, what stays, and that nothing brings them together."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.stages.correlate.alerts import SCOPE, Bench, firing, resolved

GRAPH = {"web": ["api"], "api": ["core"], "core": []}
RULES = [{"name": "by-service", "when": 'alert.service != ""', "group_by": ["service"]}]
WEB, API = firing("Slow", service="web"), firing("Errors", service="api", severity="critical")


def joined() -> Bench:
    """An incident of two services, joined by their dependency."""
    bench = Bench(GRAPH, rules=RULES, dependency={"hops": 1, "same": ["region"]})
    bench.send(WEB, API)
    assert bench.incident().services == ("web", "api")
    return bench


def test_what_is_split_off_is_an_incident_of_its_own() -> None:
    bench = joined()
    record = bench.command("split", part="api")
    assert (record.result, record.incident_id) == ("applied", f"{SCOPE}.1")
    old, new = bench.incident(1), bench.incident(2)
    assert (old.services, old.severity, old.alert_count, old.firing_count) == (
        ("web",),
        "error",
        1,
        1,
    )
    assert (new.services, new.severity, new.alert_count, new.firing_count) == (
        ("api",), "critical", 1, 1,
    )  # fmt: skip
    assert (new.title, new.rule, new.region, new.tenant) == (
        "Errors on api",
        "split",
        "eu",
        "default",
    )
    assert [ref.name for ref in old.alerts] == ["Slow"]
    assert [ref.name for ref in new.alerts] == ["Errors"]
    assert {row.incident_id for row in bench.rows().values()} == {f"{SCOPE}.1", f"{SCOPE}.2"}


def test_one_alert_goes_by_its_fingerprint_and_its_group_stays() -> None:
    bench = joined()
    bench.send(firing("Late", service="api"))
    bench.command("split", part=API.fingerprint)
    assert [ref.name for ref in bench.incident(1).alerts] == ["Slow", "Late"]
    bench.send(firing("Full", service="api"))
    assert bench.incident(1).alert_count == 3
    assert bench.incident(1).services == ("web", "api")


def test_the_group_and_the_services_lead_to_it_and_nothing_brings_them_together() -> None:
    bench = joined()
    bench.command("split", part="api")
    bench.send(firing("Late", service="api"), firing("Cold", service="web"))
    bench.send(firing("Full", service="core"))
    assert [bench.incident(n).alert_count for n in (1, 2)] == [2, 3]
    assert bench.incident(2).services == ("api", "core")
    assert len(bench.open()) == 2


def test_its_alerts_end_on_it_and_the_other_one_goes_on() -> None:
    bench = joined()
    bench.command("split", part="api")
    bench.send(resolved(API, bench.now_ms))
    bench.advance("5m")
    assert [bench.incident(n).status for n in (1, 2)] == ["triggered", "resolved"]


def test_a_person_may_merge_them_again() -> None:
    bench = joined()
    bench.command("split", part="api")
    assert bench.command("merge", 2, into=f"{SCOPE}.1").result == "applied"
    assert bench.incident(1).alert_count == 2
    bench.send(firing("Cold", service="web"), firing("Late", service="api"))
    assert len(bench.open()) == 1


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ("", "it names no part: a service, or the fingerprint of an alert"),
        ("core", "it lists no alert of its own with the service or fingerprint 'core'"),
    ],
)
def test_what_cannot_be_split_is_refused(part: str, why: str) -> None:
    bench = joined()
    record = bench.command("split", part=part)
    assert (record.result, record.facts["because"]) == ("refused", why)
    assert len(bench.incidents()) == 1


def test_the_whole_of_an_incident_is_no_part_and_what_is_over_has_none() -> None:
    bench = joined()
    bench.command("split", part="api")
    assert "nothing would stay" in bench.command("split", 2, part="api").facts["because"]
    bench.command("resolve")
    assert "is resolved" in bench.command("split", part="web").facts["because"]


def test_an_alert_that_fired_elsewhere_since_is_none_of_it() -> None:
    bench = Bench(quiet="off")
    one, other = {"annotations": {"group_key": "one"}}, {"annotations": {"group_key": "other"}}
    a, b = firing("A", **one), firing("B", **one)
    bench.send(a, b, firing("C", **other))
    bench.send(resolved(a, bench.now_ms), resolved(b, bench.now_ms))
    bench.advance("1m")
    bench.send(replace(a, starts_at_ms=bench.now_ms, **other))
    bench.send(replace(b, starts_at_ms=bench.now_ms))
    assert [ref.name for ref in bench.incident(1).alerts] == ["A", "B"]
    assert bench.incident(1).is_open
    assert bench.rows()[f"{SCOPE}/{a.fingerprint}"].incident_id == f"{SCOPE}.2"
    assert bench.command("split", part=a.fingerprint).result == "refused"
    assert bench.incident(2).alert_count == 2
