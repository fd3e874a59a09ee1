"""YAML becomes a tree with places; what cannot be read becomes complaints, never an exception."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.topology import tree
from pipeline.topology.tree import parse


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("", {}),
        ("# nothing but a comment", {}),
        ("a: 1", {"a": 1}),
        ("a: -7", {"a": -7}),
        ("a: 1.5", {"a": 1.5}),
        ("a: 2e3", {"a": 2000.0}),
        ("a: true", {"a": True}),
        ("a: False", {"a": False}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: ''", {"a": ""}),
        ("a: off", {"a": "off"}),
        ("a: no", {"a": "no"}),
        ("a: 12:30", {"a": "12:30"}),
        ("a: 2026-01-31", {"a": "2026-01-31"}),
        ("a: '1'", {"a": "1"}),
        ("a: !!str 1", {"a": "1"}),
        ("1: x", {"1": "x"}),
        ("a: [x, {b: y}]", {"a": ["x", {"b": "y"}]}),
        ("a: &k [x]\nb: *k", {"a": ["x"], "b": ["x"]}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        ("- x", ["x"]),
        ("x", "x"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, plain: object) -> None:
    root, complaints = parse(text, "f.yaml")
    assert not complaints
    assert root.plain() == plain


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("a: 1\nb: 2\na: 3", (3, 1), "the key 'a' stands here twice"),
        ("a: [1", (2, 1), "not YAML"),
        ("a: b: c", (1, 5), "not YAML"),
        ("a:\n\t- b", (2, 1), "not YAML"),
        ("a: *nowhere", (1, 4), "there is no anchor 'nowhere'"),
        ("a: &k [*k]", (1, 8), "there is no anchor 'k'"),
        ("a: 1\n---\nb: 2", (2, 1), "more than one document"),
        ("{[x]: y}", (1, 2), "a key must be a text"),
        ("a: !!python/name:os.system x", (1, 4), "the tag"),
        ("a: !custom x", (1, 4), "the tag '!custom'"),
        ("a: \x00", (1, 1), "not YAML"),
        ("a: \ud800", (1, 1), "not YAML"),
        ("[" * 41 + "]" * 41, (1, 41), "nested deeper than 40"),
        ("[" * 100_000, (1, 41), "nested deeper than 40"),
        ("#" + "x" * tree.SIZE_CHARACTERS_MAX, (1, 1), "more than 1048576 characters"),
    ],
)
def test_what_cannot_be_read_is_a_complaint_at_its_place(
    text: str, place: tuple[int, int], reason: str
) -> None:
    _, complaints = parse(text, "f.yaml")
    assert [each.file for each in complaints] == ["f.yaml"]
    assert reason in complaints[0].reason
    assert (complaints[0].line, complaints[0].column) == place


def test_all_repeated_keys_are_named_at_once() -> None:
    _, complaints = parse("a: {x: 1, x: 2}\nb: 1\nb: 2", "f.yaml")
    assert [each.path for each in complaints] == ["a.x", "b"]
    assert complaints[1].hint == "it stands on line 2 already: keep one"


def test_aliases_cannot_multiply_without_bound() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{f'*a{level - 1}, ' * 9}]" for level in range(1, 20)]
    root, complaints = parse("\n".join(lines), "f.yaml")
    assert root.plain() == {}
    assert "more than 50000 values" in complaints[0].reason


def test_a_place_is_found_by_its_path_or_the_nearest_above() -> None:
    root, _ = parse("a:\n  - b: 1\n  - c: {d: 2}", "f.yaml")
    assert (root.at(("a", 1, "c", "d")).line, root.at(("a", 1, "c", "d")).column) == (3, 12)
    assert root.at(("a", 1, "c", "e", 5)).column == 8
    assert root.at(("a", 7)).plain() == [{"b": 1}, {"c": {"d": 2}}]


@given(st.text(alphabet=st.sampled_from(list("ab:-[]{},&*!|>'\"#%@ \n\t\\01~?\ud800\x00é"))))
def test_no_text_raises(text: str) -> None:
    root, complaints = parse(text, "f.yaml")
    assert complaints or root.size >= 1
