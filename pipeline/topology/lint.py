"""What the parts of a file say of each other: names that must exist, and the stream's order.

It looks at the tree, not at the shaped values, so that a mistake elsewhere hides none of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pipeline import registry
from pipeline.codec.values import TOPIC_VALUES
from pipeline.stages.route.config import NOBODY
from pipeline.topology import builtin
from pipeline.topology.complaint import Path
from pipeline.topology.declared import AgentSpec
from pipeline.topology.nearest import did_you_mean
from pipeline.topology.shape import Shaper
from pipeline.topology.tree import Node

_LISTS: Final = ("reads", "returns", "stages", "writes", "looks_up")
_FEEDS: Final = {"route": "notifications", "send": "receipts"}
"""What a stage cannot do without: the topic that its agent has to write."""

SCOPE_MAX: Final = 8


def check_references(root: Node, shaper: Shaper) -> None:
    """Complain about names that nothing declares and about a stream out of order."""
    _check_routes(root, shaper)
    _check_schemas(root, shaper)
    _check_agents(root, shaper)
    _check_scope(root, shaper)
    _check_tokens(root, shaper)


def _check_routes(root: Node, shaper: Shaper) -> None:
    receivers = _member(root, "receivers")
    declared = list(receivers.value) if receivers and isinstance(receivers.value, dict) else []
    routes = _member(root, "routes")
    used = {NOBODY}
    is_misspelt = routes is None
    for path, node in _receivers_named(routes, ("routes",)):
        used.add(str(node.value))
        if isinstance(node.value, str) and node.value not in (*declared, NOBODY):
            is_misspelt = True
            near = did_you_mean(node.value, [*declared, NOBODY])
            shaper.complain(node, path, f"there is no receiver {node.value!r}", near)
    for name in declared:
        if receivers is not None and name not in used and not is_misspelt:
            shaper.complain(
                receivers,
                ("receivers", name),
                "no route leads to this receiver",
                "name it in a route, or remove it",
                at_key=name,
                is_warning=True,
            )


def _receivers_named(route: Node | None, path: Path) -> Iterator[tuple[Path, Node]]:
    """Every `receiver` of a route and of those beneath it."""
    if route is None or not isinstance(route.value, dict):
        return
    named = route.value.get("receiver")
    if named is not None:
        yield (*path, "receiver"), named
    below = route.value.get("routes")
    if below is not None and isinstance(below.value, list):
        for index, each in enumerate(below.value):
            yield from _receivers_named(each, (*path, "routes", index))


def _check_agents(root: Node, shaper: Shaper) -> None:
    topics = _topics(root)
    agents = _agents(root)
    seen_stages: dict[str, str] = {}
    written: dict[str, str] = {}
    external = {name for name, is_external in topics.items() if is_external}
    above = builtin.EDGE_WRITES | external
    for name, spec in agents.items():
        written.update(dict.fromkeys(spec.writes, name))
    for name, spec in agents.items():
        check = _AgentCheck(root, shaper, name, spec, list(topics))
        check.topics_exist()
        check.stages_exist(seen_stages)
        check.reads_come_from_above(above, written)
        check.looks_up_globals()
        above = above | set(spec.writes) | builtin.ENGINE_WRITES


class _AgentCheck:
    """The checks of one agent; each complains at the word that is wrong."""

    def __init__(
        self, root: Node, shaper: Shaper, name: str, spec: AgentSpec, topics: list[str]
    ) -> None:
        self._root, self._shaper, self._name = root, shaper, name
        self._spec, self._topics = spec, topics

    def _complain(self, field: str, index: int, reason: str, hint: str) -> None:
        path = ("agents", self._name, field, index)
        node = self._root.at(path)
        if isinstance(node.value, str):  # what is no text is complained about as such
            self._shaper.complain(node, path, reason, hint)

    def topics_exist(self) -> None:
        for field in ("reads", "returns", "writes"):
            for index, topic in enumerate(getattr(self._spec, field)):
                if topic not in self._topics:
                    hint = did_you_mean(topic, self._topics)
                    self._complain(field, index, f"there is no topic {topic!r}", hint)

    def stages_exist(self, seen: dict[str, str]) -> None:
        if not self._spec.stages:
            path = ("agents", self._name)
            self._shaper.complain(self._root.at(path), path, "an agent needs stages")
        for index, stage in enumerate(self._spec.stages):
            if stage not in registry.STAGES:
                hint = did_you_mean(stage, registry.STAGES)
                self._complain("stages", index, f"there is no stage {stage!r}", hint)
            elif stage in seen:
                reason = f"the stage {stage!r} stands in agent {seen[stage]!r} already"
                self._complain("stages", index, reason, "a stage has one place in the stream")
            seen.setdefault(stage, self._name)
            feeds = _FEEDS.get(stage)
            if feeds and feeds not in self._spec.writes:
                reason = f"the stage {stage!r} needs {feeds!r} among this agent's writes"
                self._complain("stages", index, reason, f"add {feeds} to writes")

    def reads_come_from_above(self, above: frozenset[str], written: Mapping[str, str]) -> None:
        for index, topic in enumerate(self._spec.reads):
            if topic in above or topic not in self._topics:
                continue
            if topic in written:
                reason = f"{topic!r} is written by agent {written[topic]!r}, which is not above"
                self._complain("reads", index, reason, "move it to `returns`, the only way back")
            else:
                hint = "declare it `external: true` if somebody else does"
                self._complain("reads", index, f"nobody writes {topic!r}", hint)
        for index, topic in enumerate(self._spec.returns):
            if topic not in written and topic in self._topics:
                self._complain("returns", index, f"no agent writes {topic!r}", "remove it")
            elif topic in above:
                reason = f"{topic!r} is written above, so it is no way back"
                self._complain("returns", index, reason, "move it to `reads`")

    def looks_up_globals(self) -> None:
        for index, topic in enumerate(self._spec.looks_up):
            if topic not in builtin.GLOBALS:
                hint = did_you_mean(topic, builtin.GLOBALS)
                self._complain("looks_up", index, f"{topic!r} is no global", hint)


def _check_schemas(root: Node, shaper: Shaper) -> None:
    topics = _member(root, "topics")
    if topics is None or not isinstance(topics.value, dict):
        return
    for name, topic in topics.value.items():
        schema = _member(topic, "schema")
        path = ("topics", name, "schema")
        if schema is None or not isinstance(schema.value, str):
            continue
        known = builtin.TOPICS[name].schema if name in builtin.TOPICS else schema.value
        if schema.value not in ("", *TOPIC_VALUES):
            hint = did_you_mean(schema.value, TOPIC_VALUES)
            shaper.complain(schema, path, f"there is no schema {schema.value!r}", hint)
        elif schema.value != known:
            hint = f"its schema is {known}" if known else "its values are bytes: leave it out"
            shaper.complain(schema, path, "a topic of the stream keeps its schema", hint)


def _check_scope(root: Node, shaper: Shaper) -> None:
    scope = _member(root, "scope")
    if scope is None or not isinstance(scope.value, list):
        return
    if len(scope.value) > SCOPE_MAX:
        shaper.complain(scope, ("scope",), f"more than {SCOPE_MAX} labels make a scope")
    seen: set[object] = set()
    for index, label in enumerate(scope.value):
        if not isinstance(label.value, str):
            continue
        if label.value in seen:
            shaper.complain(label, ("scope", index), f"{label.value!r} stands here twice")
        if label.value == "tenant":
            hint = "the tenant is always part of the scope: leave it out"
            shaper.complain(label, ("scope", index), "the tenant is no label", hint)
        seen.add(label.value)


def _check_tokens(root: Node, shaper: Shaper) -> None:
    """One token cannot say of two tenants who calls. References are compared, no values."""
    owners: dict[str, str] = {}
    tenants = _member(root, "tenants")
    if tenants is None or not isinstance(tenants.value, dict):
        return
    for name, tenant in tenants.value.items():
        tokens = _member(tenant, "tokens")
        for index, token in enumerate(_texts(tokens)):
            if token in owners and tokens is not None:
                path = ("tenants", name, "tokens", index)
                reason = f"tenant {owners[token]!r} has the same token"
                shaper.complain(root.at(path), path, reason, "give each tenant its own")
            owners.setdefault(token, name)


def _topics(root: Node) -> dict[str, bool]:
    """Topic → whether it is declared external, as far as the file can be understood."""
    found = dict.fromkeys(builtin.TOPICS, False)
    stated = _member(root, "topics")
    if stated is not None and isinstance(stated.value, dict):
        for name, node in stated.value.items():
            external = _member(node, "external")
            found[name] = external is not None and external.value is True
    return found


def _agents(root: Node) -> dict[str, AgentSpec]:
    """The agents as far as the file can be understood; the built-in ones if it has none."""
    stated = _member(root, "agents")
    if stated is None or not isinstance(stated.value, dict):
        return dict(builtin.AGENTS)
    found: dict[str, AgentSpec] = {}
    for name, node in stated.value.items():
        base = builtin.AGENTS.get(name, AgentSpec())
        lists = {}
        for field in _LISTS:
            member = _member(node, field)
            lists[field] = getattr(base, field) if member is None else _texts(member)
        found[name] = AgentSpec(**lists)
    return found


def _member(node: Node, key: str) -> Node | None:
    return node.value.get(key) if isinstance(node.value, dict) else None


def _texts(node: Node | None) -> tuple[str, ...]:
    """The members of a list, by their positions; what is no text is an empty one."""
    if node is None or not isinstance(node.value, list):
        return ()
    return tuple(each.value if isinstance(each.value, str) else "" for each in node.value)
