"""What grows has a bound, and at the bound nothing goes unpaged or unresolved."""

import pytest
from msgspec.structs import replace

from pipeline.domain.catalog import Service
from pipeline.domain.incident import ALERTS_LISTED_MAX, NOTES_MAX, SERVICES_MAX
from pipeline.stages.correlate import dependency, seen
from pipeline.stages.correlate.commands import NOTES_SIZE_MAX
from pipeline.stages.correlate.tables import RING, SCOPES, SEEN
from tests.chain import START_MS
from tests.stages.correlate.alerts import SCOPE, Bench, firing, resolved

ALL = [{"name": "all"}]


def test_beyond_the_bound_of_open_incidents_alerts_join_the_overflow() -> None:
    bench = Bench(open_incidents_max=3, quiet="off")
    alerts = [firing(f"A{n}") for n in range(10)]
    bench.send(*alerts)
    assert len(bench.open()) == 4
    overflow = bench.incident(4)
    assert (overflow.rule, overflow.alert_count, overflow.firing_count) == ("overflow", 7, 7)
    assert bench.reason_count("overflow") == 7
    bench.send(*(resolved(alert, START_MS) for alert in alerts))
    assert bench.open() == []
    bench.send(replace(alerts[0], starts_at_ms=START_MS + 1))
    assert bench.incident(1).reopened_count == 1


def test_the_count_of_open_incidents_is_right_whatever_happens() -> None:
    bench = Bench(quiet="off")
    alerts = [firing(f"A{n}") for n in range(5)]
    bench.send(*alerts)
    bench.command("resolve", 1)
    bench.command("resolve", 1)
    bench.command("merge", 2, into=f"{SCOPE}.3")
    bench.send(resolved(alerts[3], START_MS))
    bench.send(replace(alerts[0], starts_at_ms=START_MS + 1))
    assert bench.chain.table(SCOPES)[f"{SCOPE}/"].open_count == len(bench.open()) == 3


def test_an_overflow_is_opened_again_when_the_last_one_has_closed() -> None:
    bench = Bench(open_incidents_max=1, quiet="off", reopen="off")
    bench.send(firing("A"), firing("B"), firing("C"))
    bench.command("resolve", 2)
    bench.send(firing("D"))
    assert (bench.incident(3).rule, bench.incident(3).alert_count) == ("overflow", 1)


def test_alerts_beyond_the_bound_are_counted_and_still_resolve() -> None:
    bench = Bench(rules=ALL, alerts_per_incident_max=50, quiet="off")
    alerts = [firing(f"A{n}") for n in range(120)]
    bench.send(*alerts[:50])
    bench.chain.outputs("incidents")
    bench.send(*alerts[50:])
    assert bench.reason_count("full") == 70
    assert bench.chain.outputs("incidents") == []
    bench.advance("61s")
    bench.send(firing("last"))
    incident = bench.incident()
    assert (incident.alert_count, incident.firing_count) == (121, 121)
    assert len(incident.alerts) == ALERTS_LISTED_MAX
    bench.send(*(resolved(alert, START_MS) for alert in [*alerts, firing("last")][1:]))
    assert bench.incident().is_open
    bench.send(resolved(alerts[0], START_MS))
    assert bench.incident().status == "resolved"


def test_an_unlisted_alert_may_be_the_last_to_resolve() -> None:
    bench = Bench(rules=ALL, alerts_per_incident_max=1, quiet="1m")
    one, two = firing("A"), firing("B")
    bench.send(one, two, resolved(one, START_MS), resolved(two, START_MS))
    bench.advance("1m")
    assert bench.incident().status == "resolved"
    assert bench.incident().alert_count == 2


def test_an_unlisted_alert_raises_the_severity_at_once() -> None:
    bench = Bench(rules=ALL, alerts_per_incident_max=1)
    bench.send(firing("A", severity="warning"), firing("B", severity="critical"))
    assert bench.incident().severity == "critical"


def test_the_list_keeps_the_first_and_the_latest() -> None:
    bench = Bench(rules=ALL)
    bench.together(*(firing(f"A{n}") for n in range(100)))
    half = ALERTS_LISTED_MAX // 2
    listed = [ref.name for ref in bench.incident().alerts]
    assert listed == [f"A{n}" for n in (*range(half), *range(100 - half, 100))]


def test_services_labels_and_notes_are_bounded() -> None:
    bench = Bench(rules=ALL)
    labels = {f"l{n}": "x" for n in range(80)} | {"long": "x" * 5_000}
    bench.together(*(firing("A", service=f"s{n}", labels=labels) for n in range(80)))
    for n in range(NOTES_MAX + 5):
        bench.command("note", text=f"{n} " + "x" * 10_000)
    incident = bench.incident()
    assert len(incident.services) == SERVICES_MAX
    assert len(incident.labels) == 50
    assert "long" not in incident.labels
    assert incident.notes[-1].text.startswith(f"{NOTES_MAX + 4} ")
    assert sum(len(note.text) for note in incident.notes) <= NOTES_SIZE_MAX


def test_ids_are_forgotten_by_age() -> None:
    bench = Bench()
    bench.send(*(firing(f"A{n}", alert_id=f"k-{n}") for n in range(10)))
    bench.advance("12h")
    bench.send(*(firing(f"A{n}", alert_id=f"k-{n}") for n in range(10, 15)))
    bench.advance("13h")
    assert len(bench.chain.table(SEEN)) == 5
    assert len(bench.chain.table(RING)) == 6
    bench.advance("13h")
    assert bench.chain.table(SEEN) == {}
    assert bench.chain.table(RING) == {}


def test_many_ids_are_forgotten_in_bounded_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "SWEPT_MAX", 3)
    bench = Bench()
    bench.together(*(firing(f"A{n}", alert_id=f"k-{n}") for n in range(10)))
    bench.advance("24h")
    sizes = []
    for _ in range(5):
        bench.advance("1ms")
        sizes.append(len(bench.chain.table(SEEN)))
    assert sizes == [7, 4, 1, 0, 0]


def test_ids_are_forgotten_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "SEEN_MAX", 5)
    bench = Bench()
    bench.send(*(firing(f"A{n}", alert_id=f"k-{n}") for n in range(10)))
    assert sorted(bench.chain.table(SEEN)) == [f"{SCOPE}/=k-{n}" for n in range(5, 10)]


def test_a_place_forgets_what_is_stale_and_then_the_older_half() -> None:
    place = None
    for n in range(2_000):
        place = dependency.sighted(place, f"s{n}", "i.1", START_MS + n, START_MS, 10_000)
    assert place is not None
    assert len(place.services) <= dependency.PLACE_SERVICES_MAX
    assert "s1999" in place.services
    for n in range(dependency.TIDY_EVERY):
        place = dependency.sighted(place, f"x{n}", "i.1", START_MS + 10**6, START_MS, 10_000)
    assert all(name.startswith("x") for name in place.services)


def test_a_hub_has_a_bounded_number_of_neighbours_the_nearest_first() -> None:
    services = [Service(name="hub", dependencies=("near",))]
    services += [Service(name=f"far{n:04}", dependencies=("near",)) for n in range(2_000)]
    one = dependency.Graph(services, 2).neighbours("hub")
    other = dependency.Graph(reversed(services), 2).neighbours("hub")
    assert one == other
    assert len(one) == dependency.NEIGHBOURS_MAX
    assert (one["hub"], one["near"], one["far0000"]) == (0, 1, 2)


def test_nothing_is_drawn_into_the_overflow() -> None:
    bench = Bench(
        {"web": ["api"]}, dependency={"hops": 1, "gap": "2m"}, open_incidents_max=2, quiet="off"
    )
    others = [firing("one"), firing("two")]
    bench.send(*others, firing("A", service="web"))
    assert bench.incident(3).rule == "overflow"
    bench.send(*(resolved(other, START_MS) for other in others))
    bench.send(firing("B", service="api"))
    assert bench.incident(4).rule == "alone"


def test_a_service_remembers_a_few_incidents() -> None:
    place = None
    for n in range(20):
        place = dependency.sighted(place, "s", f"i.{n}", START_MS + n, START_MS, 10_000)
    assert place is not None
    assert [one.incident_id for one in place.services["s"]] == [f"i.{n}" for n in range(12, 20)]


def test_an_unlisted_alert_opens_its_incident_again() -> None:
    bench = Bench(rules=ALL, alerts_per_incident_max=1, quiet="off")
    one, two = firing("A"), firing("B")
    bench.send(one, two, resolved(one, START_MS), resolved(two, START_MS))
    assert not bench.incident().is_open
    bench.send(replace(two, starts_at_ms=START_MS + 1))
    assert bench.incident().is_open
    assert bench.incident().firing_count == 1
