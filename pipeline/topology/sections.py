"""The sections that stages declare: shaped by their types in the registry, or their defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pipeline import registry
from pipeline.domain.errors import UsageError
from pipeline.domain.wiring import Wiring
from pipeline.sinks.canary import RECEIVER as CANARY
from pipeline.stages.route.config import NOBODY
from pipeline.topology.kinds import MAPPING
from pipeline.topology.shape import BAD, Shaper
from pipeline.topology.tree import Node

RECEIVERS_MAX: Final = 1_000


def shape_section(name: str, node: Node | None, shaper: Shaper) -> Any:
    """The value of a section, its type's default where the file does not state it, or BAD."""
    if name == "receivers":
        return {} if node is None else _receivers(node, shaper)
    if name == "routes":
        return _routes(node, shaper)
    kind = registry.section_type(name)
    return kind() if node is None else shaper.shape(kind, node, (name,))


def _routes(node: Node | None, shaper: Shaper) -> Any:
    hint = f"name the receiver of all that no route takes, or `{NOBODY}`"
    if node is None:
        reason = "there are no routes: nobody would be told"
        return shaper.complain(Node({}), ("routes",), reason, hint)
    made = shaper.shape(registry.section_type("routes"), node, ("routes",))
    if isinstance(node.value, dict) and "receiver" not in node.value:
        return shaper.complain(node, ("routes",), "the root route has no 'receiver'", hint)
    return made


def _receivers(node: Node, shaper: Shaper) -> Any:
    path = ("receivers",)
    if not isinstance(node.value, dict):
        return shaper.wrong(node, path, MAPPING)
    if len(node.value) > RECEIVERS_MAX:
        return shaper.complain(node, path, f"there are more than {RECEIVERS_MAX} receivers")
    found: dict[str, Any] = {}
    for name, member in node.value.items():
        if name == CANARY:
            reason = f"{CANARY!r} is taken: it is Tocsin's own"
            found[name] = shaper.complain(node, (*path, name), reason, "rename it", at_key=name)
        elif name == NOBODY:
            reason = f"{NOBODY!r} is taken: it means that nobody is told"
            found[name] = shaper.complain(node, (*path, name), reason, "rename it", at_key=name)
        else:
            found[name] = _receiver(name, member, shaper)
    return BAD if any(value is BAD for value in found.values()) else found


def _receiver(name: str, node: Node, shaper: Shaper) -> Any:
    """One receiver: its sink's name chooses the type of all its fields."""
    path = ("receivers", name)
    if not isinstance(node.value, dict):
        return shaper.wrong(node, path, MAPPING)
    chosen = node.value.get("sink")
    known = ", ".join(sorted(registry.SINKS))
    if chosen is None:
        return shaper.complain(node, path, "'sink' is missing", f"there are {known}")
    if not isinstance(chosen.value, str) or chosen.value not in registry.SINKS:
        hint = shaper.did_you_mean(str(chosen.plain()), registry.SINKS)
        return shaper.complain(chosen, (*path, "sink"), "there is no such sink", hint)
    return shaper.shape(registry.receiver_type(chosen.value), node, path)


def check_stages(
    sections: Mapping[str, Any], scope: tuple[str, ...], root: Node, shaper: Shaper
) -> None:
    """Build every stage once, for what only a stage can say of its section: a rule that does
    not compile, a tree that is too deep. A stage whose section is BAD is passed over.
    """
    for name in registry.STAGES:
        seen = _Sections(sections)
        try:
            wiring = Wiring(scope=scope, sections=seen, sinks=registry.sinks())
            registry.stage_builder(name)(wiring)
        except _BadSection:
            continue
        except (ValueError, TypeError, UsageError) as error:
            path = (seen.last,) if seen.last else ()
            shaper.complain_of(str(error).removeprefix(f"{seen.last}: "), root.at(path), path)


class _BadSection(Exception):
    """A stage asked for a section whose mistakes are already known."""


class _Sections(Mapping[str, Any]):
    """Sections that remember which one was asked for last, and raise on one that is BAD."""

    def __init__(self, sections: Mapping[str, Any]) -> None:
        self._sections = sections
        self.last = ""

    def __getitem__(self, name: str) -> Any:
        self.last = name
        value = self._sections[name]
        if value is BAD:
            raise _BadSection
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._sections)

    def __len__(self) -> int:
        return len(self._sections)
