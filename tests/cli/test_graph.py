"""The picture of a graph: causes on the left, every name escaped, and circles come to an end."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pipeline.cli.graph_picture import COLUMNS_MAX, LINKS_MAX, places, svg
from tests.cli.conftest import Running

SVG = "{http://www.w3.org/2000/svg}"


def link(cause: str, effect: str, **more: Any) -> dict[str, Any]:
    given = {"strength": 3.0, "is_direct": True, "usual_ms": 180_000, "share": 0.75}
    return {"cause": cause, "effect": effect, **given, **more}


@pytest.mark.parametrize(
    ("links", "columns"),
    [
        ([("a", "b")], {"a": 0, "b": 1}),
        ([("b", "c"), ("a", "b"), ("a", "c")], {"a": 0, "b": 1, "c": 2}),
        ([("a", "c"), ("b", "c")], {"a": 0, "b": 0, "c": 1}),
        ([("a", "b"), ("b", "c"), ("n", "c")], {"a": 0, "b": 1, "n": 1, "c": 2}),
    ],
)
def test_an_alarm_stands_right_of_what_comes_before_it(
    links: list[tuple[str, str]], columns: dict[str, int]
) -> None:
    found = places([link(*each) for each in links])
    assert {alarm: column for alarm, (column, _) in found.items()} == columns
    assert len(set(found.values())) == len(found)


def test_a_circle_ends_somewhere() -> None:
    found = places([link("a", "b"), link("b", "c"), link("c", "a")])
    assert len(set(found.values())) == 3
    assert max(column for column, _ in found.values()) < COLUMNS_MAX


def test_the_picture_is_well_formed_whatever_alarms_are_called() -> None:
    evil = '</text><script>alert("x")</script> on a&b'
    text = svg(
        [
            ('<b>"eu"</b>', [link(evil, "n" * 200), link("x", evil, is_direct=False)]),
            ("nothing", []),
            ("big", [link(f"c{at}", f"e{at}") for at in range(2 * LINKS_MAX)]),
        ]
    )
    root = ET.fromstring(text)
    assert root.findall(f".//{SVG}script") == []
    assert len(root.findall(f".//{SVG}rect[@class='box']")) == 3 + 2 * LINKS_MAX
    assert len(root.findall(f".//{SVG}path[@class='link through']")) == 1
    titles = [each.text or "" for each in root.iter(f"{SVG}title")]
    assert any("comes 3m before" in each and "75% of the times" in each for each in titles)


def test_where_nothing_is_learned_it_says_so(running: Running) -> None:
    done = running.call("graph")
    assert (done.code, done.out) == (1, "")
    assert "nothing is known yet" in done.err
    done = running.call("graph", "--json")
    assert (done.code, done.json) == (1, {"graphs": []})
