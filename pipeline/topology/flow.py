"""The agents of a file as a stream: each reads what is written above it, and has what its
stages need.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline import registry
from pipeline.topology import builtin
from pipeline.topology.counts import check_partitions
from pipeline.topology.declared import AgentSpec
from pipeline.topology.shape import Shaper
from pipeline.topology.tree import Node, member_of, texts_of

_LISTS: Final = ("reads", "returns", "stages", "writes", "looks_up")
_NEEDS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "enrich": {"writes": ("alerts",), "looks_up": ("services", "changes")},
    "correlate": {"writes": ("incidents", "outcomes"), "looks_up": ("services", "models")},
    "sense": {"writes": ("models",), "looks_up": ("services",)},
    "classify": {"writes": ("outcomes",), "looks_up": ("services", "changes", "models")},
    "foresee": {
        "writes": ("alerts", "outcomes"),
        "looks_up": ("services", "changes", "models"),
    },
    "route": {"writes": ("notifications",), "looks_up": ("silences",)},
    "announce": {"reads": ("changes",), "writes": ("notifications",)},
    "send": {"writes": ("receipts",)},
    "fit": {"reads": ("outcomes",), "writes": ("models",)},
}
"""What the agent of a stage has to declare, or the stage fails on its first event."""


def check_agents(root: Node, shaper: Shaper) -> None:
    """Complain about names that nothing declares and about a stream out of order."""
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
    _check_watched(root, agents, shaper)
    _check_announced(root, agents, shaper)
    check_partitions(root, agents, shaper)


def _check_watched(root: Node, agents: Mapping[str, AgentSpec], shaper: Shaper) -> None:
    """Heartbeats that no agent watches would be missed by nobody."""
    heartbeats = member_of(member_of(root, "observe"), "heartbeats")
    if heartbeats is None or not isinstance(heartbeats.value, list) or not heartbeats.value:
        return
    for name, spec in agents.items():
        rest = spec.stages[spec.stages.index("watch") :] if "watch" in spec.stages else ()
        if "correlate" in rest:
            if "alerts" not in spec.writes:
                path = ("agents", name, "writes")
                reason = "the stage 'watch' needs 'alerts' among 'writes', to tell its other tasks"
                shaper.complain(root.at(path), path, reason, "add alerts to writes")
            return
    shaper.complain(
        heartbeats,
        ("observe", "heartbeats"),
        "no agent has the stage 'watch' before 'correlate': nobody would miss them",
        "add watch to the stages of that agent",
    )


def _check_announced(root: Node, agents: Mapping[str, AgentSpec], shaper: Shaper) -> None:
    """Receivers that ask for changes which no agent announces would wait for nothing."""
    receivers = member_of(root, "receivers")
    if receivers is None or not isinstance(receivers.value, dict):
        return
    if any("announce" in spec.stages for spec in agents.values()):
        return
    for name, receiver in receivers.value.items():
        asked = member_of(receiver, "changes")
        if asked is not None and asked.value is True:
            shaper.complain(
                asked,
                ("receivers", name, "changes"),
                "no agent has the stage 'announce': no change would be told",
                "add the agent `announce` as the built-in topology.yaml has it",
            )


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
                    hint = self._shaper.did_you_mean(topic, self._topics)
                    self._complain(field, index, f"there is no topic {topic!r}", hint)

    def stages_exist(self, seen: dict[str, str]) -> None:
        if not self._spec.stages:
            path = ("agents", self._name)
            self._shaper.complain(self._root.at(path), path, "an agent needs stages")
        for index, stage in enumerate(self._spec.stages):
            if stage not in registry.STAGES:
                hint = self._shaper.did_you_mean(stage, registry.STAGES)
                self._complain("stages", index, f"there is no stage {stage!r}", hint)
            elif stage in seen:
                reason = f"the stage {stage!r} stands in agent {seen[stage]!r} already"
                self._complain("stages", index, reason, "a stage has one place in the stream")
            seen.setdefault(stage, self._name)
            for field, needed in _NEEDS.get(stage, {}).items():
                for topic in needed:
                    if topic not in getattr(self._spec, field):
                        reason = f"the stage {stage!r} needs {topic!r} among {field!r}"
                        self._complain("stages", index, reason, f"add {topic} to {field}")

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
                hint = self._shaper.did_you_mean(topic, builtin.GLOBALS)
                self._complain("looks_up", index, f"{topic!r} is no global", hint)


def _topics(root: Node) -> dict[str, bool]:
    """Topic → whether it is declared external, as far as the file can be understood."""
    found = dict.fromkeys(builtin.TOPICS, False)
    stated = member_of(root, "topics")
    if stated is not None and isinstance(stated.value, dict):
        for name, node in stated.value.items():
            external = member_of(node, "external")
            found[name] = external is not None and external.value is True
    return found


def _agents(root: Node) -> dict[str, AgentSpec]:
    """The agents as far as the file can be understood; the built-in ones if it has none."""
    stated = member_of(root, "agents")
    if stated is None or not isinstance(stated.value, dict):
        return dict(builtin.AGENTS)
    found: dict[str, AgentSpec] = {}
    for name, node in stated.value.items():
        base = builtin.AGENTS.get(name, AgentSpec())
        lists = {}
        for field in _LISTS:
            member = member_of(node, field)
            lists[field] = getattr(base, field) if member is None else texts_of(member)
        found[name] = AgentSpec(**lists)
    return found
