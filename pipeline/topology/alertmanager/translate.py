"""An alertmanager.yml as the text of a topology.yaml, with notes on what does not come along."""

from __future__ import annotations

from typing import Any, Final

import yaml
from msgspec import Struct

from pipeline.domain.secret import Secret
from pipeline.topology.alertmanager.destinations import Destinations
from pipeline.topology.alertmanager.matching import matchers_of, texts_of
from pipeline.topology.alertmanager.source import Source, member, members, text_of
from pipeline.topology.alertmanager.times import Maintenance, intervals_of
from pipeline.topology.alertmanager.tree import RouteTree
from pipeline.topology.complaint import Complaint, TopologyError
from pipeline.topology.load import check
from pipeline.topology.secrets import MissingSecret
from pipeline.topology.tree import Node, parse, reads_as_text

WRITTEN: Final = "topology.yaml"
_HEAD: Final = """\
# Translated from Alertmanager's configuration. Here an incident is routed, not each alert: its
# labels are those that all its alerts share. `tocsin routes test` shows where one would go.
"""
_KEYS: Final = frozenset(
    {"global", "route", "receivers", "inhibit_rules", "time_intervals", "mute_time_intervals"}
)
_GLOBAL_KEYS: Final = frozenset({"resolve_timeout", "pagerduty_url"})


class Imported(Struct, frozen=True, kw_only=True):
    """`text` is the topology.yaml; `notes` say, with their lines, what does not come along;
    `maintenances` are to be added as silences, since they live on a topic, not in the file.
    """

    text: str
    notes: tuple[Complaint, ...]
    maintenances: tuple[Maintenance, ...] = ()


def translate(text: str, name: str) -> Imported:
    """Translate the text of a file; `name` is the file's, for the notes. No secret is copied.

    Raises TopologyError where the text is not YAML or no mapping.
    """
    root, errors = parse(text, name, is_typed=False)
    if not errors and (not isinstance(root.value, dict) or member(root, "route") is None):
        reason, hint = "there is no route here", "is this an alertmanager.yml?"
        errors = [Complaint(file=name, line=1, column=1, path="", reason=reason, hint=hint)]
    if errors:
        raise TopologyError(errors)
    source = Source(name)
    made = _translated(source, root)
    written = _HEAD + yaml.dump(
        made.plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    wrong = [each for each in check(written, WRITTEN, _absent).complaints if not each.is_warning]
    notes = sorted(source.notes, key=lambda each: (each.line, each.column))
    return Imported(text=written, notes=(*notes, *wrong), maintenances=made.maintenances)


class _Made(Struct, frozen=True):
    plain: dict[str, Any]
    maintenances: tuple[Maintenance, ...]


def _translated(source: Source, root: Node) -> _Made:
    destinations = Destinations(source, root)
    tree = RouteTree(source, root, destinations, intervals_of(source, root))
    plain: dict[str, Any] = {"version": 1}
    settings = member(root, "global")
    path = ("global", "resolve_timeout")
    timeout = source.duration(member(settings, "resolve_timeout"), path)
    if timeout:
        plain["ingest"] = {"resolve_timeout": timeout}
    if tree.rules:
        plain["correlate"] = {"rules": tree.rules}
    if destinations.declared:
        plain["receivers"] = destinations.declared
    plain["routes"] = tree.root
    inhibitions = _inhibitions(source, root)
    if inhibitions:
        plain["inhibit"] = inhibitions
    source.note_rest(root, (), _KEYS, "it has no counterpart")
    if settings is not None:
        hint = "it belongs to sinks or options that Tocsin does not have"
        source.note_rest(settings, ("global",), _GLOBAL_KEYS, hint)
    return _Made(plain, tuple(tree.maintenances))


def _inhibitions(source: Source, root: Node) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for index, node in enumerate(members(root, "inhibit_rules")):
        path = ("inhibit_rules", index)
        muting = matchers_of(source, node, path, "source_")
        muted = matchers_of(source, node, path, "target_")
        if muting is None or muted is None:
            continue
        if not muting or not muted:
            reason = "left out: one side of it matches everything"
            source.note(node, path, reason, "give both sides a matcher")
            continue
        made: dict[str, Any] = {"source": texts_of(muting), "target": texts_of(muted)}
        equal = [text_of(each) for each in members(node, "equal")]
        if equal:
            made["equal"] = equal
        name = text_of(member(node, "name"))
        found.append({**made, "name": name} if name else made)
    return found


def _absent(reference: str) -> Secret:
    raise MissingSecret(reference, "not asked for here", "")


class _Dumper(yaml.SafeDumper):
    """Quotes a text that our own reader would take for something else; repeats, not anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if reads_as_text(text) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
