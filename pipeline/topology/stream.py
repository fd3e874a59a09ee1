"""The stream as a picture and a table: first as plain frozen values, then as text."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from msgspec import Struct

from pipeline.domain.units import Duration
from pipeline.topology.builtin import EDGE_WRITES, ENGINE_WRITES
from pipeline.topology.declared import Topology
from pipeline.topology.table import Table


class Box(Struct, frozen=True):
    """A node of the picture; `lines` is what stands in it."""

    name: str
    kind: Literal["topic", "agent", "outside"]
    lines: tuple[str, ...]


class Arrow(Struct, frozen=True):
    """What flows from one box to another; `is_back` where it goes against the stream."""

    start: str
    end: str
    is_back: bool = False


class Picture(Struct, frozen=True):
    """The whole stream: boxes and arrows, in stream order."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def draw(topology: Topology) -> Picture:
    """Producers, topics, agents and receivers. Globals, what every agent writes, and what the
    tasks of one tell each other are left out: they would hide the stream.
    """
    boxes: dict[str, Box] = {"producers": Box("producers", "outside", ("producers",))}
    arrows: list[Arrow] = []

    def topic(name: str) -> str:
        boxes.setdefault(name, Box(name, "topic", (name,)))
        return name

    for name, agent in topology.agents.items():
        for each in agent.reads:
            is_external = topology.topics[each].is_external
            if each not in boxes and (each in EDGE_WRITES or is_external):
                arrows.append(Arrow("producers" if each != "commands" else "people", topic(each)))
                if each == "commands":
                    boxes.setdefault("people", Box("people", "outside", ("people",)))
            arrows.append(Arrow(topic(each), f"{name}-agent"))
        boxes[f"{name}-agent"] = Box(f"{name}-agent", "agent", (name, " → ".join(agent.stages)))
        arrows += [Arrow(topic(each), f"{name}-agent", is_back=True) for each in agent.returns]
        own = {*agent.reads, *agent.returns}
        arrows += [Arrow(f"{name}-agent", topic(each)) for each in agent.writes if each not in own]
        if "send" in agent.stages:
            arrows += [Arrow(f"{name}-agent", each.name) for each in _sinks(topology)]
    boxes.update({each.name: each for each in _sinks(topology)})
    return Picture(tuple(boxes.values()), tuple(dict.fromkeys(arrows)))


def _sinks(topology: Topology) -> list[Box]:
    """One box for each sink in use, with its number of receivers."""
    counted = Counter(each.sink for each in topology.sections.get("receivers", {}).values())
    return [
        Box(f"{sink}-sink", "outside", (sink, f"{count} receiver{'s' if count > 1 else ''}"))
        for sink, count in sorted(counted.items())
    ]


def render_mermaid(picture: Picture) -> str:
    """The picture as a mermaid flowchart; topics are cylinders, agents boxes."""
    shapes = {"topic": '[("{}")]', "agent": '["{}"]', "outside": '(["{}"])'}
    lines = ["flowchart LR"]
    for box in picture.boxes:
        words = "<br/>".join(_escaped(line) for line in box.lines)
        lines.append(f"  {_id(box.name)}{shapes[box.kind].format(words)}")
    for arrow in picture.arrows:
        line = "-.->" if arrow.is_back else "-->"
        lines.append(f"  {_id(arrow.start)} {line} {_id(arrow.end)}")
    return "\n".join(lines) + "\n"


def _id(name: str) -> str:
    # mermaid reads `end`, `graph` and a few more as its own words: a prefix keeps them apart.
    return "n_" + name.replace("-", "_")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


def topics_table(topology: Topology) -> Table:
    """Every topic with its key, value, how long it is kept, and who writes and reads it."""
    rows = []
    for name, spec in topology.topics.items():
        kept = str(Duration(topology.retention_ms(name)))
        is_compact = spec.cleanup == "compact"
        rows.append(
            (
                f"`{name}`",
                spec.key or "any or none",
                spec.schema or "bytes as they came",
                f"latest of each key, tombstones {kept}" if is_compact else kept,
                str(topology.partitions(name)),
                ", ".join(_writers(topology, name)) or "nobody",
                ", ".join(_readers(topology, name)) or "consumers downstream",
                spec.description,
            )
        )
    heads = ("topic", "key", "value", "kept", "partitions", "written by", "read by", "what")
    return Table(title="Topics", heads=heads, rows=tuple(rows))


def _writers(topology: Topology, topic: str) -> list[str]:
    spec = topology.topics[topic]
    found = ["others"] if spec.is_external else []
    found += ["edge"] if topic in EDGE_WRITES else []
    found += [name for name, agent in topology.agents.items() if topic in agent.writes]
    return ["every agent"] if topic in ENGINE_WRITES else found


def _readers(topology: Topology, topic: str) -> list[str]:
    return [
        name
        for name, agent in topology.agents.items()
        if topic in (*agent.reads, *agent.returns, *agent.looks_up)
    ]
