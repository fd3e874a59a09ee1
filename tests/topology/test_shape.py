"""A tree becomes a declared type or complaints; every type that a section uses is known."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct, field
from msgspec import inspect as types

from pipeline import registry
from pipeline.domain.secret import Secret
from pipeline.domain.units import Duration, Rate, Size
from pipeline.topology.blame import blame
from pipeline.topology.complaint import COMPLAINTS_MAX
from pipeline.topology.declared import AgentSpec, Defaults, Observe, TenantSpec, TopicSpec, Trouble
from pipeline.topology.shape import BAD, Shaper
from pipeline.topology.tree import parse
from tests.topology.worlds import resolve


class Leaf(Struct, frozen=True, kw_only=True):
    """A Struct that finds fault with itself."""

    name: str = "leaf"
    words: tuple[str, ...] = ()
    is_on: bool = field(default=False, name="on")

    def __post_init__(self) -> None:
        if self.name == "bad":
            raise ValueError("name: this one is bad")
        for word in self.words:
            if word.startswith("x"):
                raise ValueError(f"{word!r} begins with x")

    def complaints(self) -> list[Trouble]:
        """Two at once."""
        twice = [(("words", index), "is empty", "") for index, word in enumerate(self.words)]
        return [trouble for trouble in twice if not self.words[int(trouble[0][1])]]


def shape(kind: Any, text: str) -> tuple[Any, list[str]]:
    """The value, and what is said as `column path: reason`."""
    shaper = Shaper("f.yaml", resolve, needs_secrets=False)
    node, _ = parse(f"v: {text}", "f.yaml")
    assert isinstance(node.value, dict)
    value = shaper.shape(kind, node.value["v"], ("v",))
    return value, [f"{each.column} {each.path}: {each.reason}" for each in shaper.complaints]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (str, "x", "x"),
        (int, "7", 7),
        (float, "7", 7.0),
        (bool, "true", True),
        (Duration, "1h30m", 5_400_000),
        (Duration, "off", 0),
        (Duration, "false", 0),
        (Size, "2MiB", 2 * 2**20),
        (Rate, "120/m", 7_200),
        (Literal["a", "b"], "b", "b"),
        (Literal[1, 2], "2", 2),
        (str | None, "null", None),
        (str | None, "x", "x"),
        (int | str, "7", 7),
        (int | str, "x", "x"),
        (Duration | None, "5m", 300_000),
        (Secret | None, "", None),
        (tuple[str, ...], "[a, b]", ("a", "b")),
        (list[int], "[1]", [1]),
        (str | tuple[str, ...], "[a]", ("a",)),
        (dict[str, int], "{a: 1}", {"a": 1}),
        (dict[str, str | Leaf], "{a: x, b: {name: y}}", {"a": "x", "b": Leaf(name="y")}),
        (Leaf, "{}", Leaf()),
        (Leaf, "{name: , on: true}", Leaf(is_on=True)),
        (Any, "{a: [1, x]}", {"a": [1, "x"]}),
        (Annotated[str, Meta(pattern="^a")], "ab", "ab"),
        (Annotated[int, Meta(ge=1, lt=5)], "4", 4),
    ],
)
def test_what_fits_becomes_its_type(kind: Any, text: str, value: object) -> None:
    made, said = shape(kind, text)
    assert said == []
    assert made == value
    assert type(made) is type(value) or isinstance(made, int)


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (str, "7", "4 v: must be a text, not 7"),
        (str, "true", "4 v: must be a text, not true"),
        (str, "", "3 v: must be a text, not nothing"),
        (int, "7.5", "4 v: must be a whole number, not 7.5"),
        (int, "true", "4 v: must be a whole number, not true"),
        (float, "1e999", "4 v: must be a number, not inf"),
        (float, "x", "4 v: must be a number, not 'x'"),
        (bool, "1", "4 v: must be true or false, not 1"),
        (bool, "on", "4 v: must be true or false, not 'on'"),
        (Duration, "5", "4 v: must be a duration, such as 10m or 1h30m, not 5"),
        (Duration, "[1]", "4 v: must be a duration, such as 10m or 1h30m, not a list"),
        (Size, "{}", "4 v: must be a size, such as 20kB or 32MiB, not a mapping"),
        (Literal["a", "b"], "c", "4 v: must be one of a, b, not 'c'"),
        (Literal["a", "b"], "[a]", "4 v: must be one of a, b, not a list"),
        (str | None, "[x]", "4 v: must be a text, not a list"),
        (int | str, "[x]", "4 v: must be a number or a text, not a list"),
        (bool | str, "7", "4 v: must be true or false or a text, not 7"),
        (tuple[str, ...], "a", "4 v: must be a list, not 'a'"),
        (dict[str, int], "[a]", "4 v: must be a mapping (name: value), not a list"),
        (Leaf, "x", "4 v: must be a mapping (name: value), not 'x'"),
        (Annotated[str, Meta(pattern="^a")], "b", "4 v: must be a text that matches ^a, not 'b'"),
        (Annotated[str, Meta(min_length=2)], "b", "4 v: must have at least 2 characters"),
        (Annotated[list[str], Meta(max_length=1)], "[a, b]", "4 v: has 2 members, 1 are the most"),
        (Annotated[int, Meta(ge=1)], "0", "4 v: must be at least 1, not 0"),
        (Annotated[int, Meta(gt=1)], "1", "4 v: must be more than 1, not 1"),
        (Annotated[int, Meta(le=1)], "2", "4 v: must be at most 1, not 2"),
        (Annotated[int, Meta(lt=1)], "1", "4 v: must be less than 1, not 1"),
        (str, "x" * 100, None),
        (Leaf, "{name: bad}", "11 v.name: this one is bad"),
        (Leaf, "{words: [a, xby]}", "16 v.words[1]: 'xby' begins with x"),
        (Leaf, "{is_on: true}", "5 v.is_on: there is no 'is_on' here"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_at_its_place(kind: Any, text: str, said: str | None) -> None:
    made, complaints = shape(kind, text)
    if said is None:
        assert made == text
    else:
        assert made is BAD
        assert complaints == [said]


def test_everything_wrong_is_said_at_once() -> None:
    made, said = shape(dict[str, Leaf], "{a: {name: 1, on: 2, z: 3}, b: {words: ['', y, '']}}")
    assert made is BAD
    assert said == [
        "25 v.a.z: there is no 'z' here",
        "15 v.a.name: must be a text, not 1",
        "22 v.a.on: must be true or false, not 2",
        "44 v.b.words[0]: is empty",
        "51 v.b.words[2]: is empty",
    ]


def test_hints_end_where_complaints_are_no_longer_listed() -> None:
    shaper = Shaper("f.yaml", resolve, needs_secrets=False)
    node, _ = parse("a: 1", "f.yaml")
    assert shaper.did_you_mean("nme", ["name"]) == 'did you mean "name"?'
    for number in range(COMPLAINTS_MAX):
        shaper.complain(node, (number,), "wrong")
    assert shaper.did_you_mean("nme", ["name"]) == ""


def test_a_long_value_is_cut() -> None:
    _, said = shape(int, "x" * 500)
    assert len(said[0]) < 120


def test_a_secret_is_never_shown() -> None:
    for text in ("hunter2", "[hunter2]", "{a: hunter2}", "7", "'env:not a name'", "file:hunter2"):
        _, said = shape(Secret, text)
        assert len(said) == 1
        assert "hunter2" not in said[0].replace("file:hunter2", "")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("`name` is wrong", ("name",)),
        ("words: 'long one' is wrong", ("words", 1)),
        ("'long one' is wrong", ("words", 1)),
        ("nothing is known", ()),
        ("", ()),
    ],
)
def test_an_error_points_to_the_key_or_the_text_it_speaks_of(text: str, path: object) -> None:
    node, _ = parse("{name: a, words: [long, long one], other: {name: b}}", "f.yaml")
    assert blame(text, node) == path


def every_type(kind: types.Type, seen: set[type[Any]]) -> set[type[types.Type]]:
    """The kinds of type that a type is made of."""
    found: set[type[types.Type]] = {type(kind)}
    inner: list[types.Type] = []
    if isinstance(kind, types.StructType):
        if kind.cls not in seen:
            seen.add(kind.cls)
            inner = [each.type for each in kind.fields]
    elif isinstance(kind, types.UnionType):
        inner = list(kind.types)
    else:
        for name in ("type", "item_type", "value_type", "key_type"):
            value = getattr(kind, name, None)
            inner += [value] if isinstance(value, types.Type) else []
    for each in inner:
        found |= every_type(each, seen)
    return found


@pytest.mark.parametrize(
    "kind",
    [AgentSpec, Defaults, Observe, TenantSpec, TopicSpec]
    + [registry.section_type(name) for name in registry.SECTIONS]
    + [registry.receiver_type(name) for name in registry.SINKS],
)
def test_every_type_in_use_can_be_shaped(kind: Any) -> None:
    known = {*Shaper("f", resolve, needs_secrets=False)._shapers, types.Metadata}
    assert every_type(types.type_info(kind), set()) <= known
    assert msgspec.inspect.is_struct_type(kind) or kind.__origin__ is tuple
