"""Where an alert belongs: its key, the first rule, alone; then along dependencies."""

from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.stages.correlate.grouping import KEY_SIZE_MAX, Grouping
from tests.chain import START_MS
from tests.stages.correlate.alerts import Bench, config, firing, resolved

BY_SERVICE = {
    "name": "by-service",
    "when": 'alert.service != ""',
    "group_by": ["service"],
    "gap": "10m",
}
# web needs api, api needs core, core needs store; other stands apart.
GRAPH = {"web": ["api"], "api": ["core"], "core": ["store"], "other": []}
SECOND = 1_000
MINUTE = 60_000


def at(second: float) -> int:
    return START_MS + round(second * SECOND)


def test_an_explicit_key_groups_whatever_the_rules_say() -> None:
    bench = Bench(rules=[BY_SERVICE])
    key = {"group_key": "deploy-7"}
    bench.send(firing("A", service="a", annotations=key), firing("B", service="b", annotations=key))
    assert bench.incident().alert_count == 2
    assert (bench.incident().rule, bench.incident().group_key) == ("group_key", "key=deploy-7")
    assert bench.reasons_of() == ["opened", "joined_key"]


def test_the_first_rule_that_matches_groups() -> None:
    rules = [
        {"name": "by-team", "when": 'alert.labels.team == "x"', "group_by": ["team"]},
        BY_SERVICE,
    ]
    bench = Bench(rules=rules)
    bench.send(
        firing("A", service="s", labels={"team": "x"}),
        firing("B", service="s"),
        firing("C", service="t", labels={"team": "x"}),
        firing("D", service="s"),
    )
    assert [ref.name for ref in bench.incident(1).alerts] == ["A", "C"]
    assert [ref.name for ref in bench.incident(2).alerts] == ["B", "D"]
    assert bench.incident(1).group_key == "by-team:team=x"
    assert bench.reasons_of(2) == ["opened", "joined_rule"]


def test_what_no_rule_matches_stands_alone() -> None:
    bench = Bench(rules=[BY_SERVICE])
    bench.send(firing("A"), firing("B"))
    assert len(bench.open()) == 2
    assert bench.incident().rule == "alone"


@pytest.mark.parametrize(
    ("second_at", "incidents"), [(0, 1), (600, 1), (601, 2), (-600, 1), (-601, 2)]
)
def test_a_gap_by_the_alerts_own_times_divides_groups(second_at: int, incidents: int) -> None:
    bench = Bench(rules=[BY_SERVICE])
    bench.send(firing("A", service="s"), firing("B", service="s", starts_at_ms=at(second_at)))
    assert len(bench.open()) == incidents


def test_the_gap_is_that_of_a_session() -> None:
    bench = Bench(rules=[BY_SERVICE])
    for n in range(5):
        bench.send(firing(f"A{n}", service="s", starts_at_ms=at(500 * n)))
    assert len(bench.open()) == 1
    bench.send(firing("late", service="s", starts_at_ms=at(1200)))
    assert bench.incident().alert_count == 6


def test_an_open_group_keeps_the_rule_that_opened_it() -> None:
    bench = Bench(rules=[BY_SERVICE])
    bench.send(firing("A", service="s"))
    narrow = Bench(rules=[{**BY_SERVICE, "gap": "1m"}])
    bench.chain.restart(narrow.stage)
    bench.send(firing("B", service="s", starts_at_ms=at(300)))
    bench.send(firing("C", service="new", starts_at_ms=at(0)))
    bench.send(firing("D", service="new", starts_at_ms=at(300)))
    assert [len(incident.alerts) for incident in bench.open()] == [2, 1, 1]


def test_a_key_too_long_is_shortened_without_clashing() -> None:
    grouping = Grouping(config(rules=[BY_SERVICE]).rules)
    one, two = (grouping.find(firing("A", service="s" * 500 + end)) for end in "ab")
    assert one is not None
    assert two is not None
    assert len(one.key) == KEY_SIZE_MAX
    assert one.key != two.key


def dependent(**section: Any) -> Bench:
    given: dict[str, Any] = {"hops": 2, "gap": "2m", "same": ["region"], **section}
    return Bench(GRAPH, rules=[BY_SERVICE], dependency=given)


@pytest.mark.parametrize(
    ("first", "second", "second_at", "incidents"),
    [
        ("web", "api", 60, 1),
        ("api", "web", 60, 1),
        ("web", "core", 60, 1),
        ("web", "store", 60, 2),
        ("web", "other", 60, 2),
        ("web", "unknown", 60, 2),
        ("web", "", 60, 2),
        ("web", "api", 120, 1),
        ("web", "api", 121, 2),
        ("web", "api", -120, 1),
        ("web", "api", -121, 2),
    ],
)
def test_dependencies_link_within_hops_and_gap(
    first: str, second: str, second_at: int, incidents: int
) -> None:
    bench = dependent()
    bench.send(firing("A", service=first))
    bench.send(firing("B", service=second, starts_at_ms=at(second_at)))
    assert len(bench.open()) == incidents
    linked = incidents == 1
    assert ("joined_dependency" in bench.reasons_of()) is linked


@pytest.mark.parametrize(("same", "cluster", "incidents"), [(["cluster"], "b", 2), ([], "b", 1)])
def test_the_same_values_are_asked_for(same: list[str], cluster: str, incidents: int) -> None:
    bench = dependent(same=same)
    bench.send(firing("A", service="web", cluster="a"))
    bench.send(firing("B", service="api", cluster=cluster))
    assert len(bench.open()) == incidents


def test_the_two_nearest_open_incidents_are_chosen() -> None:
    graph = {"web": ["api"], "api": ["core"], "core": ["store", "gate"], "gate": ["edge"]}
    bench = Bench(graph, rules=[BY_SERVICE], dependency={"hops": 2, "same": ["region"]})
    bench.send(firing("A", service="web", starts_at_ms=at(0)))
    bench.send(firing("B", service="store", starts_at_ms=at(1)))
    bench.send(firing("C", service="edge", starts_at_ms=at(2)))
    assert len(bench.open()) == 3
    bench.send(firing("D", service="core", starts_at_ms=at(3)))
    assert [len(incident.alerts) for incident in bench.open()] == [1, 3]
    gone = bench.incident(3)
    assert gone.merged_into == bench.incident(2).incident_id
    assert "D on core is 1 hops from one and 2 from the other" in gone.reasons[-1].text


@pytest.mark.parametrize("order", list(permutations(["web", "api", "core", "store"])))
def test_a_chain_of_services_is_one_incident_in_whatever_order_they_complain(
    order: tuple[str, ...],
) -> None:
    bench = dependent(hops=1)
    for second, service in enumerate(order):
        bench.send(firing("A", service=service, starts_at_ms=at(second)))
    assert [incident.alert_count for incident in bench.open()] == [4]


def test_a_resolved_incident_is_not_joined_by_dependency() -> None:
    bench = dependent()
    alert = firing("A", service="web")
    bench.send(alert, resolved(alert, START_MS))
    bench.advance("1m")
    bench.send(firing("B", service="api", starts_at_ms=at(60)))
    assert [incident.incident_id[-2:] for incident in bench.open()] == [".2"]


def test_a_small_incident_links_only_nearby() -> None:
    small = {"alerts": 3, "hops": 1, "gap": "1m"}
    bench = dependent(small=small)
    bench.send(firing("A", service="web"))
    bench.send(firing("far", service="core", starts_at_ms=at(10)))
    assert len(bench.open()) == 2
    crowd = dependent(small=small)
    for n in range(3):
        crowd.send(firing(f"A{n}", service="web"))
    crowd.send(firing("far", service="core", starts_at_ms=at(110)))
    assert len(crowd.open()) == 1


def test_the_catalog_may_change_at_any_time() -> None:
    bench = dependent()
    bench.send(firing("A", service="web"))
    bench.send(firing("B", service="other", starts_at_ms=at(1)))
    assert len(bench.open()) == 2
    service = bench.chain.globals.view("services")["other"]
    bench.chain.set_global("services", "other", replace(service, dependencies=("api",)))
    bench.send(firing("C", service="other", instance="2", starts_at_ms=at(2)))
    assert len(bench.open()) == 1


def test_an_alert_that_links_two_incidents_merges_the_younger_into_the_older() -> None:
    bench = dependent(hops=1)
    bench.send(firing("A", service="web", starts_at_ms=at(0)))
    bench.send(firing("B", service="core", starts_at_ms=at(10), severity="critical"))
    # Of web's group by rule, and one hop from core through its own service api: neither is asked
    # for by hand, so an explicit key stands for the group.
    key = {"group_key": "release"}
    bench.send(firing("C", service="web", instance="2", annotations=key, starts_at_ms=at(300)))
    bench.send(firing("D", service="api", annotations=key, starts_at_ms=at(20)))
    assert len(bench.open()) == 2
    one, two, three = (bench.incident(n) for n in (1, 2, 3))
    assert one.is_open
    assert two.is_open != three.is_open
    gone = two if not two.is_open else three
    kept = bench.incidents()[gone.merged_into]
    assert gone.resolved_by == f"merge into {kept.incident_id}"
    assert kept.merged_from == (gone.incident_id,)
    assert "absorbed" in [line.reason.partition(".")[2] for line in kept.reasons]
    assert "merged" in [line.reason.partition(".")[2] for line in gone.reasons]
    assert kept.alert_count == 3
    assert kept.firing_count == 3
    assert kept.severity == "critical"


def test_what_was_merged_goes_on_in_the_winner() -> None:
    bench = Bench()
    one, two = firing("A"), firing("B")
    bench.send(one, two)
    assert bench.command("merge", 2, into=bench.incident(1).incident_id).result == "applied"
    assert bench.incident(1).alert_count == 2
    bench.send(replace(two, severity="critical"))
    assert bench.incident(1).severity == "critical"
    assert bench.command("acknowledge", 2).result == "applied"
    assert bench.incident(1).status == "acknowledged"
    assert bench.incident(2).status == "resolved"
    bench.send(resolved(one, START_MS), resolved(two, START_MS))
    bench.advance("1m")
    assert bench.incident(1).status == "resolved"
    assert [ref.status for ref in bench.incident(1).alerts] == ["resolved", "resolved"]


def test_a_merged_incident_leads_on_for_as_long_as_the_winner_is_open() -> None:
    bench = Bench(remember="1h", reopen="30m", refire="1h")
    one, two = firing("A"), firing("B")
    bench.send(one, two)
    bench.command("merge", 2, into=bench.incident(1).incident_id)
    bench.advance("6h")
    bench.send(resolved(two, bench.now_ms))
    assert bench.incident(1).firing_count == 1


@pytest.mark.parametrize(("minutes", "reopens"), [(29, True), (30, True), (31, False)])
def test_it_opens_again_within_a_window(minutes: int, reopens: bool) -> None:
    bench = Bench(quiet="off", reopen="30m")
    alert = firing("A")
    bench.send(alert, resolved(alert, START_MS))
    bench.advance(f"{minutes}m")
    bench.send(replace(alert, starts_at_ms=bench.now_ms))
    assert len(bench.incidents()) == (1 if reopens else 2)
    assert bench.incident().reopened_count == int(reopens)
    assert bench.incident().is_open is reopens


def test_an_alert_that_went_elsewhere_is_not_counted_where_it_was() -> None:
    bench = Bench(GRAPH, quiet="off", rules=[BY_SERVICE], dependency={"hops": 1, "gap": "2m"})
    alert = firing("A", service="web")
    bench.send(alert, resolved(alert, START_MS))
    bench.send(firing("B", service="core", starts_at_ms=at(1)))
    bench.send(firing("C", service="api", starts_at_ms=at(2)))
    bench.send(replace(alert, starts_at_ms=at(3)))
    assert [incident.alert_count for incident in bench.open()] == [3]
    bench.command("resolve", 2)
    bench.send(replace(alert, starts_at_ms=at(4)))
    assert bench.incident(2).alert_count == 3
    assert sum(row.alerts for row in bench.counts().values()) == 3


def test_an_alert_is_known_for_as_long_as_its_incident_may_open_again() -> None:
    bench = Bench(quiet="off", rules=[BY_SERVICE], remember="1h", reopen="48h")
    alert = firing("A", service="s")
    bench.send(alert, resolved(alert, START_MS))
    bench.advance("24h")
    bench.send(replace(alert, starts_at_ms=bench.now_ms))
    assert bench.incident().reopened_count == 1
    assert bench.incident().alert_count == 1


def test_its_group_opens_it_again_too() -> None:
    bench = Bench(quiet="off", rules=[BY_SERVICE])
    alert = firing("A", service="s")
    bench.send(alert, resolved(alert, START_MS))
    bench.advance("5m")
    bench.send(firing("B", service="s", starts_at_ms=bench.now_ms))
    assert bench.incident().reopened_count == 1
    assert bench.incident().firing_count == 1
    assert bench.reasons_of()[-1] == "reopened"


def test_reopening_forgets_who_acknowledged() -> None:
    bench = Bench(quiet="off")
    alert = firing("A")
    bench.send(alert)
    bench.command("acknowledge")
    bench.send(resolved(alert, START_MS), replace(alert, starts_at_ms=bench.now_ms + 1))
    incident = bench.incident()
    assert (incident.status, incident.acknowledged_by, incident.resolved_at_ms) == (
        "triggered",
        "",
        0,
    )
