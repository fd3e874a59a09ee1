"""What precedes what: learned per scope, published when it changed, told where it is usual."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pipeline.domain.catalog import Service
from pipeline.domain.incident import PRECEDED_MAX, Incident, Preceded
from pipeline.domain.precedence import GAP_MS_MAX, LINKS_MAX, Graph
from pipeline.stages.sense.alarms import shown
from pipeline.stages.sense.config import Sense
from pipeline.stages.sense.graph import EVERY_MS, SAID_SHARE_MIN
from pipeline.stages.sense.tables import ALARMS, GRAPHS, PLACES, ROSTER
from tests.stages.sense.given import Scope

ROW_BYTES_MAX = 2_000


def rounds(scope: Scope, times: int, *, gap: str = "30s", every: str = "1h", **fields: Any) -> None:
    """DiskFull, and so much later HttpErrors, at one service."""
    for _ in range(times):
        scope.fire(name="DiskFull")
        scope.chain.advance(gap)
        scope.fire(name="HttpErrors", **fields)
        scope.chain.advance(every)


def graphs(scope: Scope) -> list[Graph]:
    """What was published since this was asked last."""
    return [
        msgspec.msgpack.decode(record.body, type=Graph) for record in scope.chain.outputs("models")
    ]


def test_a_chain_is_published_and_told() -> None:
    scope = Scope()
    rounds(scope, 10)
    last = graphs(scope)[-1]
    (link,) = last.links
    assert (last.alarms[link.cause], last.alarms[link.effect]) == (
        "DiskFull on db",
        "HttpErrors on db",
    )
    assert (link.is_direct, link.usual_ms, link.share) == (True, 30_000, 1.0)
    assert (last.tenant, last.values) == ("default", ("", ""))

    (told,) = scope.incidents()[-1].preceded_by
    assert (told.cause, told.effect) == ("DiskFull on db", "HttpErrors on db")
    assert (told.usual_ms, told.before_ms) == (30_000, 30_000)

    (incident,) = scope.fire(name="HttpErrors")
    assert [each.before_ms for each in incident.preceded_by] == [-1]
    assert incident.reasons[-1].text.endswith("this time it did not come")


def test_it_is_told_where_it_is_usual_alone() -> None:
    scope = Scope()
    rounds(scope, 20)
    for _ in range(int(20 / SAID_SHARE_MIN)):
        scope.fire(name="HttpErrors")
        scope.chain.advance("1h")
    (link,) = graphs(scope)[-1].links
    assert link.share < SAID_SHARE_MIN
    rounds(scope, 1)
    assert scope.incidents()[-1].preceded_by == ()


def test_what_has_not_changed_is_not_published_again() -> None:
    scope = Scope()
    rounds(scope, 3)
    graphs(scope)
    for _ in range(50):  # one alarm alone, which meets nothing
        scope.fire(name="DiskFull")
        scope.chain.advance("1h")
    assert graphs(scope) == []


def test_a_graph_is_made_once_in_a_while_however_much_comes() -> None:
    scope = Scope()
    for _ in range(600):
        scope.fire(name="DiskFull")
        scope.chain.advance("1s")
        scope.fire(name="HttpErrors")
        scope.chain.advance("1s")
    assert len(graphs(scope)) <= 1 + 1_200_000 // EVERY_MS


def test_a_service_that_this_one_needs_is_near() -> None:
    near, far = Scope(), Scope()
    near.chain.set_global("services", "shop", Service(name="shop", dependencies=("db",)))
    for scope in (near, far):
        rounds(scope, 12, service="shop")
    assert {len(graph.links) for graph in graphs(near)[-1:]} == {1}
    assert graphs(far) == []


def test_without_a_service_or_a_host_nothing_is_learned() -> None:
    scope = Scope()
    scope.fire(service="")
    scope.fire(service="", host="web-1")
    assert len(scope.chain.table(ALARMS)) == 1


def test_a_place_is_forgotten_when_nothing_can_have_to_do_with_it() -> None:
    scope = Scope()
    scope.fire()
    scope.chain.advance(GAP_MS_MAX // 2)
    scope.fire(name="Other")
    scope.chain.advance(GAP_MS_MAX - 1)
    assert len(scope.chain.table(PLACES)) == 1
    scope.chain.advance(2)
    assert scope.chain.table(PLACES) == {}


def test_a_graph_goes_with_its_alarms() -> None:
    scope = Scope()
    rounds(scope, 10)
    scope.chain.advance("32d")
    assert graphs(scope)[-1].links == ()
    for spec in (ALARMS, GRAPHS, ROSTER, PLACES):
        assert scope.chain.table(spec) == {}, spec.name


def test_rows_are_bounded_in_a_storm_of_names() -> None:
    scope = Scope()
    for number in range(300):
        scope.fire(name=f"Rule{number:03}" + "n" * 300)
        scope.chain.advance("2s")
    scope.chain.advance("1h")
    for spec in (ALARMS, PLACES):
        sizes = [len(msgspec.msgpack.encode(row)) for row in scope.chain.table(spec).values()]
        assert max(sizes, default=0) <= ROW_BYTES_MAX
    assert all(len(graph.links) <= LINKS_MAX for graph in graphs(scope))


def test_restored_it_tells_the_same() -> None:
    straight, restored = Scope(), Scope()
    for number in range(12):
        for scope in (straight, restored):
            rounds(scope, 1)
        if number % 3 == 0:
            restored.chain.restart()
    for spec in (ALARMS, GRAPHS, ROSTER):
        assert straight.chain.table(spec) == restored.chain.table(spec)
    assert straight.incidents() == restored.incidents()


@pytest.mark.parametrize("config", [Sense(precedence=False), Sense(window=0)])  # type: ignore[arg-type]
def test_nothing_is_learned_where_topology_says_so(config: Sense) -> None:
    scope = Scope(config)
    rounds(scope, 10)
    assert scope.chain.table(ALARMS) == {}
    assert graphs(scope) == []


@pytest.mark.parametrize("starts_at_ms", [0, -1, 2**45, 1])
def test_an_alarm_with_a_wrong_clock_began_when_it_came(starts_at_ms: int) -> None:
    scope = Scope()
    scope.fire(starts_at_ms=starts_at_ms)
    (place,) = scope.chain.table(PLACES).values()
    assert place.recent[0][1] == scope.chain.now_ms


def test_an_incident_names_the_strongest_few() -> None:
    (incident,) = Scope().fire()
    found = tuple(
        Preceded(cause=f"c{at}", effect="e", usual_ms=1, strength=float(at))
        for at in range(PRECEDED_MAX + 2)
    )
    after: Incident = shown(incident, found)
    assert after.preceded_by == found[:1:-1]
    again = msgspec.structs.replace(found[-1], before_ms=7)
    assert shown(after, (again,)).preceded_by[0] == again
