"""topology.yaml from text to Topology: everything wrong with it is found in one go."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from msgspec import Struct
from msgspec import inspect as types

from pipeline import registry
from pipeline.topology import builtin
from pipeline.topology.complaint import Complaint, TopologyError, in_order
from pipeline.topology.declared import AgentSpec, Defaults, Observe, TenantSpec, TopicSpec, Topology
from pipeline.topology.kinds import MAPPING, shown
from pipeline.topology.lint import check_references, check_tokens
from pipeline.topology.names import NAME, NAME_HINT
from pipeline.topology.secrets import Resolve
from pipeline.topology.sections import check_stages, shape_section
from pipeline.topology.shape import BAD, Shaper
from pipeline.topology.tree import Node, parse

VERSION: Final = 1
"""The version of the file's format; a later one is refused."""

_PLAIN: Final[Mapping[str, Any]] = {
    "app": str,
    "defaults": Defaults,
    "scope": tuple[str, ...],
    "tenants": dict[str, TenantSpec],
    "observe": Observe,
}
SECTIONS: Final = (*registry.SECTIONS, "receivers")
KEYS: Final = ("version", *_PLAIN, "topics", "agents", *SECTIONS)
"""What may stand at the top of the file."""


class Checked(Struct, frozen=True, kw_only=True):
    """What became of a file: all complaints, and the Topology unless one is an error."""

    complaints: tuple[Complaint, ...]
    topology: Topology | None = None


def load(text: str, name: str, resolve: Resolve) -> Topology:
    """The Topology of a file's text; `name` is the file's, for complaints.

    Everything that the file leaves out has the value of the built-in stream. Raises
    TopologyError with all complaints where one is an error or a secret is missing.
    """
    checked = _check(text, Shaper(name, resolve, needs_secrets=True))
    if checked.topology is None:
        raise TopologyError(checked.complaints)
    return checked.topology


def check(text: str, name: str, resolve: Resolve) -> Checked:
    """Lint a file's text: never raises. A missing secret is a warning here."""
    return _check(text, Shaper(name, resolve, needs_secrets=False))


def read(path: Path, hint_if_absent: str = "name another with --config") -> str:
    """The text of a file. Raises TopologyError where it cannot be read or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        reason, hint = "there is no such file", hint_if_absent
    except UnicodeDecodeError:
        reason, hint = "the file is not UTF-8", "save it as UTF-8 text"
    except OSError as error:
        reason, hint = f"cannot be read: {error.strerror}", "check its permissions"
    raise TopologyError(
        [Complaint(file=str(path), line=1, column=1, path="", reason=reason, hint=hint)]
    )


def _check(text: str, shaper: Shaper) -> Checked:
    root, found = parse(text, shaper.name)
    shaper.complaints.extend(found)
    topology = _shape(root, shaper) if root.value or not found else None
    complaints = in_order(shaper.complaints)
    if any(not each.is_warning for each in complaints):
        topology = None
    return Checked(complaints=complaints, topology=topology)


def _shape(root: Node, shaper: Shaper) -> Topology | None:
    if not isinstance(root.value, dict):
        shaper.wrong(root, (), MAPPING)
        return None
    for key in root.value:
        if key not in KEYS:
            path = (key,)
            hint = shaper.did_you_mean(key, KEYS)
            shaper.complain(root, path, f"there is no {key!r} here", hint, at_key=key)
    stated = {key: node for key, node in root.value.items() if node.value is not None}
    _check_version(stated, shaper)
    values = {
        key: shaper.shape(kind, stated[key], (key,))
        for key, kind in _PLAIN.items()
        if key in stated
    }
    values["topics"] = _named(TopicSpec, builtin.TOPICS, stated.get("topics"), "topics", shaper)
    values["agents"] = _named(AgentSpec, builtin.AGENTS, stated.get("agents"), "agents", shaper)
    if values["topics"] is not BAD:
        values["topics"] = {**builtin.TOPICS, **values["topics"]}
    values["sections"] = {name: shape_section(name, stated.get(name), shaper) for name in SECTIONS}
    check_references(root, shaper)
    if values.get("tenants", BAD) is not BAD:
        check_tokens(root, values["tenants"], shaper)
    scope = values.get("scope", ())
    check_stages(values["sections"], () if scope is BAD else scope, root, shaper)
    if any(value is BAD for value in (*values.values(), *values["sections"].values())):
        return None
    return Topology(**values, hash=digest(root))


def digest(root: Node) -> str:
    """32 hex digits over what a file states: comments, layout and the order of keys are out."""
    text = json.dumps(root.plain(), sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _check_version(stated: Mapping[str, Node], shaper: Shaper) -> None:
    node = stated.get("version")
    if node is not None and (node.value != VERSION or isinstance(node.value, bool | float)):
        hint = f"this Tocsin reads version {VERSION}"
        shaper.complain(node, ("version",), f"there is no version {shown(node)}", hint)


def _named(
    cls: type[Any], known: Mapping[str, Any], node: Node | None, key: str, shaper: Shaper
) -> Any:
    """A mapping of Structs by name; one of a built-in name takes from that what it omits."""
    if node is None:
        return dict(known)
    if not isinstance(node.value, dict):
        return shaper.wrong(node, (key,), MAPPING)
    kind = cast("types.StructType", types.type_info(cls))
    found: dict[str, Any] = {}
    for name, member in node.value.items():
        path = (key, name)
        if not NAME.fullmatch(name):
            reason = f"{name!r} is no name"
            found[name] = shaper.complain(node, path, reason, NAME_HINT, at_key=name)
        elif member.value is None and name in known:
            found[name] = known[name]
        elif not isinstance(member.value, dict):
            found[name] = shaper.fit(kind, member, path)
        else:
            fields = shaper.fields(kind, member, path)
            base = known.get(name, cls())
            found[name] = BAD if fields is BAD else msgspec.structs.replace(base, **fields)
    return BAD if any(value is BAD for value in found.values()) else found
