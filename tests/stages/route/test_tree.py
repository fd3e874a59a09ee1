"""The routing tree, as Alertmanager documents it: depth first, `continue`, inheritance."""

from __future__ import annotations

import msgspec
import pytest

from pipeline.domain.units import decode_unit
from pipeline.stages.route.config import Route
from pipeline.stages.route.tree import HOPS_MAX, REMEMBERED_MAX, Hop, Tree

TREE = """
receiver: everyone
repeat: 4h
routes:
  - match: ['owner="team-A"']
    receiver: team-A
    repeat: 1h
    routes:
      - {match: ['env="testing"'], receiver: notify-testing, resolved: false}
      - {match: ['env="production"'], receiver: notify-productionA, repeat: off, continue: true}
      - {match: ['env=~"produ.*",job=~".*"'], receiver: notify-productionB, min_severity: error}
  - match: ['owner=~"team-(B|C)"']
    acknowledged: false
    receiver: team-BC
    routes: [{match: ['env="x"']}]
  - {match: ['severity=~"info|warning"'], receiver: none}
"""


def route(text: str) -> Route:
    return msgspec.yaml.decode(text, type=Route, dec_hook=decode_unit)


def hops(labels: dict[str, str]) -> list[Hop]:
    return list(Tree(route(TREE)).route(labels))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, ["everyone"]),
        ({"owner": "team-D"}, ["everyone"]),
        ({"owner": "team-A"}, ["team-A"]),
        ({"owner": "team-A", "env": "unset"}, ["team-A"]),
        ({"owner": "team-A", "env": "testing"}, ["notify-testing"]),
        ({"owner": "team-A", "env": "production"}, ["notify-productionA", "notify-productionB"]),
        ({"owner": "team-A", "env": "produce"}, ["notify-productionB"]),
        ({"owner": "team-B"}, ["team-BC"]),
        ({"owner": "team-C", "env": "x"}, ["team-BC"]),
        ({"severity": "info"}, ["none"]),
        ({"severity": "critical"}, ["everyone"]),
    ],
)
def test_labels_lead_to_receivers(labels: dict[str, str], expected: list[str]) -> None:
    assert [hop.receiver for hop in hops(labels)] == expected


def test_options_are_inherited_and_may_be_set_anew() -> None:
    hour = 3_600_000
    [testing] = hops({"owner": "team-A", "env": "testing"})
    assert (testing.repeat_ms, testing.sends_resolved) == (hour, False)
    [first, second] = hops({"owner": "team-A", "env": "production"})
    assert (first.repeat_ms, first.sends_resolved, first.min_rank) == (0, True, 0)
    assert (second.repeat_ms, second.min_rank) == (hour, 3)
    [inner] = hops({"owner": "team-B", "env": "x"})
    assert (inner.repeat_ms, inner.sends_acknowledged) == (4 * hour, False)
    assert inner.path == "routes[1][0]"


def test_continue_goes_on_only_past_what_matched() -> None:
    tree = Tree(
        route(
            """
            receiver: root
            routes:
              - {match: ['a="1"'], receiver: first, continue: true}
              - {match: ['b="1"'], receiver: second}
              - {match: ['a="1"'], receiver: third, continue: true}
              - {receiver: last, match: ['a!=""'], routes: [{match: ['a="1"'], receiver: deep}]}
            """
        )
    )
    assert [hop.receiver for hop in tree.route({"a": "1"})] == ["first", "third", "deep"]
    assert [hop.receiver for hop in tree.route({"a": "1", "b": "1"})] == ["first", "second"]
    assert [hop.receiver for hop in tree.route({"a": "2"})] == ["last"]


def test_one_receiver_reached_twice_is_meant_once_by_the_first_way() -> None:
    tree = Tree(
        route(
            """
            receiver: root
            routes:
              - {receiver: chat, repeat: 1h, continue: true}
              - {receiver: chat, repeat: 2h}
            """
        )
    )
    [hop] = tree.route({})
    assert (hop.path, hop.repeat_ms) == ("routes[0]", 3_600_000)


def test_receivers_reached_beyond_the_limit_are_left_out() -> None:
    tree = Tree(
        Route(
            receiver="root",
            routes=tuple(
                Route(receiver=f"r{at}", is_continuing=True) for at in range(HOPS_MAX + 5)
            ),
        )
    )
    assert [hop.receiver for hop in tree.route({})] == [f"r{at}" for at in range(HOPS_MAX)]


def test_what_a_receiver_says_goes_before_what_the_route_says() -> None:
    root = route("{receiver: a, repeat: 4h, wait: 30s, routes: [{receiver: b, match: ['x=y']}]}")
    tree = Tree(root, repeats={"a": 0}, batching=frozenset({"b"}))
    [a] = tree.route({})
    [b] = tree.route({"x": "y"})
    assert (a.repeat_ms, a.wait_ms) == (0, 0)
    assert (b.repeat_ms, b.wait_ms) == (4 * 3_600_000, 30_000)


def test_routes_ahead_come_first_inherit_nothing_and_move_no_place() -> None:
    root = route(
        "{receiver: a, min_severity: error, repeat: 4h, routes: [{receiver: b, match: ['x=y']}]}"
    )
    tree = Tree(root, ahead=(route("{receiver: c, match: ['x=y', 'z=1']}"),))
    [first] = tree.route({"x": "y", "z": "1"})
    assert first == Hop(receiver="c", path="built-in[0]")
    assert tree.route({"x": "y"}) == Tree(root).route({"x": "y"})
    assert [hop.path for hop in tree.route({"x": "y"})] == ["routes[0]"]


def test_the_trace_shows_each_step_and_what_said_no() -> None:
    steps = Tree(route(TREE)).trace({"owner": "team-A", "env": "testing"})
    assert [(step.path, step.has_matched, step.failed, step.is_taken) for step in steps] == [
        ("routes", True, "", False),
        ("routes[0]", True, "", False),
        ("routes[0][0]", True, "", True),
    ]
    steps = Tree(route(TREE)).trace({"owner": "x"})
    assert [(step.receiver, step.failed) for step in steps] == [
        ("everyone", ""),
        ("team-A", 'owner="team-A"'),
        ("team-BC", 'owner=~"team-(B|C)"'),
        ("none", 'severity=~"info|warning"'),
    ]
    assert [step.is_taken for step in steps] == [True, False, False, False]


def test_answers_are_forgotten_at_the_limit_and_stay_right() -> None:
    tree = Tree(route("{receiver: a, routes: [{receiver: b, match: ['x=~\"1.*\"']}]}"))
    for number in range(REMEMBERED_MAX + 50):
        [hop] = tree.route({"x": str(number), "unasked": "z"})
        assert hop.receiver == ("b" if str(number).startswith("1") else "a")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{match: []}", "the root needs a receiver"),
        ("{receiver: a, match: ['a=b']}", "the root takes everything"),
        ("{receiver: a, continue: true}", "the root takes everything"),
        ("{receiver: a, routes: [{match: ['a']}]}", "an operator is missing"),
        ("{receiver: a/b}", "is no name"),
        ("{receiver: ''}", "is no name"),
        ("{receiver: a, min_severity: bad}", "is none of"),
        ("{receiver: a, repeat: 5}", "needs a unit"),
        ("{receiver: a, group_by: [x]}", "unknown field"),
        ("{receiver: a" + ", routes: [{match: ['a=b']" * 10 + "}]" * 10 + "}", "beneath each"),
        ("{receiver: a, routes: [" + "{}," * 2_000 + "]}", "2000 are allowed"),
    ],
)
def test_a_tree_that_makes_no_sense_is_refused(text: str, why: str) -> None:
    with pytest.raises((ValueError, msgspec.ValidationError), match=why):
        Tree(route(text))
