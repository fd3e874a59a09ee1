"""The catalog as people write it: everything read, every fault found at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.catalog import Service
from pipeline.stages.enrich import parse_services
from pipeline.stages.enrich.catalog import circles


def test_all_forms_of_documents_are_read() -> None:
    catalog = parse_services(
        [
            {"name": "a", "team": "red", "tier": 1, "dependencies": ["b"], "links": {"d": "u"}},
            [{"name": "b"}],
            {"services": [{"name": "c"}]},
            None,
        ]
    )
    assert catalog.complaints == catalog.notices == ()
    assert [service.name for service in catalog.services] == ["a", "b", "c"]
    assert catalog.services[0] == Service(
        name="a", team="red", tier=1, dependencies=("b",), links={"d": "u"}
    )


def test_all_faults_are_found_at_once_with_their_place() -> None:
    catalog = parse_services(
        [
            {"name": "a", "dependencies": ["nowhere"]},
            [{"name": "b", "owner": "x"}, {"team": "y"}, "text", {"name": "d", "tier": "one"}],
            {"name": "a"},
            {"name": ""},
        ],
        names=["one.yaml", "two.yaml", "three.yaml"],
    )
    places = sorted(complaint.partition(": ")[0] for complaint in catalog.complaints)
    assert places == [
        "document 4",
        "one.yaml",
        "three.yaml",
        "two.yaml[0]",
        "two.yaml[1]",
        "two.yaml[2]",
        "two.yaml[3]",
    ]
    together = "\n".join(catalog.complaints)
    for word in ("nowhere", "owner", "`name`", "mapping", "$.tier", "already in one.yaml"):
        assert word in together


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ({"a": "b", "b": "c", "c": ""}, []),
        ({"a": "a"}, [("a",)]),
        ({"a": "b", "b": "a", "c": "a"}, [("a", "b")]),
        ({"a": "b", "b": "c", "c": "a", "d": "e", "e": "d"}, [("a", "b", "c"), ("d", "e")]),
        ({"a": "bc", "b": "d", "c": "d", "d": ""}, []),
    ],
)
def test_circles_are_allowed_and_told(edges: dict[str, str], found: list[Any]) -> None:
    catalog = parse_services([{"name": n, "dependencies": list(d)} for n, d in edges.items()])
    assert catalog.complaints == ()
    assert len(catalog.services) == len(edges)
    assert circles({service.name: service for service in catalog.services}) == found
    assert len(catalog.notices) == len(found)


def test_a_long_chain_needs_no_deep_stack() -> None:
    chain = [{"name": str(n), "dependencies": [str((n + 1) % 5_000)]} for n in range(5_000)]
    assert len(parse_services(chain).notices) == 1


@given(st.dictionaries(st.integers(0, 7), st.sets(st.integers(0, 7)), max_size=8))
def test_circles_are_the_services_that_reach_themselves(edges: dict[int, set[int]]) -> None:
    services = {
        str(n): Service(name=str(n), dependencies=tuple(str(d) for d in sorted(needs)))
        for n, needs in edges.items()
    }
    reached = {
        name: set(service.dependencies) & set(services) for name, service in services.items()
    }
    for _ in services:
        for name in services:
            reached[name] |= {far for near in reached[name] for far in reached[near]}
    circling = sorted(name for name in services if name in reached[name])
    assert sorted(name for circle in circles(services) for name in circle) == circling
