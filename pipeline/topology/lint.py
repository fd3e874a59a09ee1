"""What the parts of a file say of each other: names that must exist, and what is said twice.

It looks at the tree, not at the shaped values, so that a mistake elsewhere hides none of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pipeline.codec.values import TOPIC_VALUES
from pipeline.stages.route.config import NOBODY
from pipeline.topology import builtin
from pipeline.topology.complaint import Path
from pipeline.topology.declared import TenantSpec
from pipeline.topology.flow import check_agents
from pipeline.topology.names import check_names
from pipeline.topology.secrets import TOKEN_RULE, is_token
from pipeline.topology.shape import MISSING, Shaper
from pipeline.topology.tree import Node, member_of, texts_of

SCOPE_MAX: Final = 8


def check_references(root: Node, shaper: Shaper) -> None:
    """Complain about names that nothing declares and about a stream out of order."""
    _check_routes(root, shaper)
    _check_reachable(member_of(root, "routes"), ("routes",), shaper)
    _check_schemas(root, shaper)
    check_agents(root, shaper)
    _check_scope(root, shaper)
    _check_owners(root, shaper)
    check_names(root, shaper)


def _check_routes(root: Node, shaper: Shaper) -> None:
    receivers = member_of(root, "receivers")
    declared = list(receivers.value) if receivers and isinstance(receivers.value, dict) else []
    routes = member_of(root, "routes")
    used = {NOBODY}
    is_misspelt = routes is None
    for path, node in _receivers_named(routes, ("routes",)):
        used.add(str(node.value))
        if isinstance(node.value, str) and node.value not in (*declared, NOBODY):
            is_misspelt = True
            near = shaper.did_you_mean(node.value, [*declared, NOBODY])
            shaper.complain(node, path, f"there is no receiver {node.value!r}", near)
    for name in declared:
        asked = member_of(member_of(receivers, name), "changes")
        is_told = name in used or (asked is not None and asked.value is True)
        if receivers is not None and not is_told and not is_misspelt:
            shaper.complain(
                receivers,
                ("receivers", name),
                "no route leads to this receiver",
                "name it in a route, or remove it",
                at_key=name,
                is_warning=True,
            )


def _check_reachable(route: Node | None, path: Path, shaper: Shaper) -> None:
    """Warn of routes behind one that takes everything and does not continue."""
    below = member_of(route, "routes")
    if below is None or not isinstance(below.value, list):
        return
    is_taken = False
    for index, each in enumerate(below.value):
        place = (*path, "routes", index)
        if is_taken:
            reason = "nothing reaches this route: one before it takes everything"
            hint = "give that one matchers, or `continue: true`"
            shaper.complain(each, place, reason, hint, is_warning=True)
            break
        match, is_continuing = member_of(each, "match"), member_of(each, "continue")
        takes_all = isinstance(each.value, dict) and (match is None or match.value == [])
        is_taken = takes_all and (is_continuing is None or is_continuing.value is not True)
        _check_reachable(each, place, shaper)


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


def _check_schemas(root: Node, shaper: Shaper) -> None:
    topics = member_of(root, "topics")
    if topics is None or not isinstance(topics.value, dict):
        return
    for name, topic in topics.value.items():
        schema = member_of(topic, "schema")
        path = ("topics", name, "schema")
        if schema is None or not isinstance(schema.value, str):
            continue
        known = builtin.TOPICS[name].schema if name in builtin.TOPICS else schema.value
        if schema.value not in ("", *TOPIC_VALUES):
            hint = shaper.did_you_mean(schema.value, TOPIC_VALUES)
            shaper.complain(schema, path, f"there is no schema {schema.value!r}", hint)
        elif schema.value != known:
            hint = f"its schema is {known}" if known else "its values are bytes: leave it out"
            shaper.complain(schema, path, "a topic of the stream keeps its schema", hint)


def _check_scope(root: Node, shaper: Shaper) -> None:
    scope = member_of(root, "scope")
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


def _check_owners(root: Node, shaper: Shaper) -> None:
    """One token cannot say of two tenants who calls. References are compared, no values."""
    owners: dict[str, str] = {}
    tenants = member_of(root, "tenants")
    if tenants is None or not isinstance(tenants.value, dict):
        return
    for name, tenant in tenants.value.items():
        tokens = member_of(tenant, "tokens")
        for index, token in enumerate(texts_of(tokens)):
            if token in owners and tokens is not None:
                path = ("tenants", name, "tokens", index)
                reason = f"tenant {owners[token]!r} has the same token"
                shaper.complain(root.at(path), path, reason, "give each tenant its own")
            owners.setdefault(token, name)


def check_tokens(root: Node, tenants: Mapping[str, TenantSpec], shaper: Shaper) -> None:
    """Complain about tokens that no header can carry, or that can be guessed; no value is said."""
    for name, tenant in tenants.items():
        for index, token in enumerate(tenant.tokens):
            if token != MISSING and not is_token(token):
                path = ("tenants", name, "tokens", index)
                node = root.at(path)
                reason = f"the token in {node.value} cannot be used"
                shaper.complain(node, path, reason, f"make it {TOKEN_RULE}")
