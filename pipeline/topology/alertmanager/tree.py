"""Alertmanager's route tree as ours, and its `group_by` as rules of correlate.

A route that leads to several receivers gets one child for each, the last ones of its children:
they match everything that no child before them took.
"""

from __future__ import annotations

import re
from typing import Any, Final

from pipeline.domain.matchers import EQUAL, Matcher
from pipeline.stages.route.config import NOBODY
from pipeline.topology.alertmanager.destinations import Destinations, Target
from pipeline.topology.alertmanager.matching import matchers_of, texts_of
from pipeline.topology.alertmanager.source import Source, is_true, member, members, text_of
from pipeline.topology.alertmanager.times import Maintenance, Recurrence
from pipeline.topology.complaint import Path
from pipeline.topology.tree import Node

_KEYS: Final = frozenset(
    {"receiver", "match", "match_re", "matchers", "continue", "routes", "group_by", "group_wait",
     "group_interval", "repeat_interval", "mute_time_intervals", "active_time_intervals"}
)  # fmt: skip
_PLAIN: Final = re.compile(r"[^\"'\\\n]*")
_ALL_LABELS: Final = "..."


class RouteTree:
    """Walks the tree once; `root` is the route of ours, `rules` and `maintenances` what else
    follows from it.
    """

    def __init__(
        self,
        source: Source,
        root: Node,
        destinations: Destinations,
        intervals: dict[str, tuple[Recurrence, ...]],
    ) -> None:
        self.rules: list[dict[str, Any]] = []
        self.maintenances: list[Maintenance] = []
        self._source, self._intervals = source, intervals
        self._targets = destinations.targets
        nobody = (Target(NOBODY, sends_resolved=True),)
        node = member(root, "route") or Node({})
        self.root = self._route(node, ("route",), (), nobody, has_parent=False) or {}

    def _route(
        self,
        node: Node,
        path: Path,
        above: tuple[Matcher, ...],
        inherited: tuple[Target, ...],
        *,
        has_parent: bool,
    ) -> dict[str, Any] | None:
        """One route with its children, or None where it has to be left out."""
        own = matchers_of(self._source, node, path)
        if own is None:
            return None
        made: dict[str, Any] = {}
        if has_parent and own:
            made["match"] = texts_of(own)
        targets = self._receivers(node, path, inherited)
        if targets != inherited or not has_parent:
            made["receiver"] = targets[0].name
        if has_parent and is_true(member(node, "continue"), default=False):
            made["continue"] = True
        self._options(node, path, made)
        if targets[0].sends_resolved != inherited[0].sends_resolved:
            made["resolved"] = targets[0].sends_resolved
        matchers = (*above, *own)
        children = [
            self._route(each, (*path, "routes", index), matchers, targets, has_parent=True)
            for index, each in enumerate(members(node, "routes"))
        ]
        self._mute(node, path, matchers)
        self._group(node, path, matchers, has_parent=has_parent)
        routes = [each for each in children if each is not None]
        routes += self._each_target(node, path, targets, routes)
        if routes:
            made["routes"] = routes
        return made

    def _receivers(
        self, node: Node, path: Path, inherited: tuple[Target, ...]
    ) -> tuple[Target, ...]:
        stated = member(node, "receiver")
        if stated is None:
            return inherited
        found = self._targets.get(text_of(stated))
        if found is None:
            reason = f"there is no receiver {text_of(stated)!r}"
            self._source.note(stated, (*path, "receiver"), reason, "its parent's is taken")
            return inherited
        return found or (Target(NOBODY, sends_resolved=True),)

    def _each_target(
        self, node: Node, path: Path, targets: tuple[Target, ...], routes: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        if len(targets) == 1:
            return []
        if any("continue" in each for each in routes):
            reason = "beneath it a route continues: its alerts reach this route's receivers too"
            self._source.note(node, path, reason, "look at it with `tocsin routes test`")
        found: list[dict[str, Any]] = []
        for target in targets:
            route: dict[str, Any] = {"receiver": target.name}
            if target is not targets[-1]:
                route["continue"] = True
            if target.sends_resolved != targets[0].sends_resolved:
                route["resolved"] = target.sends_resolved
            found.append(route)
        return found

    def _options(self, node: Node, path: Path, made: dict[str, Any]) -> None:
        for theirs, ours in (("repeat_interval", "repeat"), ("group_wait", "wait")):
            text = self._source.duration(member(node, theirs), (*path, theirs))
            if text:
                made[ours] = text
        if "wait" in made and path == ("route",):
            reason = "an incident's first notification goes at once"
            hint = "say `batch: true` at receivers that are to wait"
            self._source.note(node, (*path, "group_wait"), reason, hint, at_key="group_wait")
        if member(node, "group_interval") is not None:
            self._source.note(
                node,
                (*path, "group_interval"),
                "there is no group_interval: an incident tells again when its severity rises",
                "nothing needs to be done",
                at_key="group_interval",
            )
        for index, each in enumerate(members(node, "active_time_intervals")):
            reason = f"outside of {text_of(each)!r} this route would be silent, and now it is not"
            hint = "add a silence with an RRULE for the other times"
            self._source.note(each, (*path, "active_time_intervals", index), reason, hint)
        self._source.note_rest(node, path, _KEYS, "it has no counterpart")

    def _mute(self, node: Node, path: Path, matchers: tuple[Matcher, ...]) -> None:
        for index, each in enumerate(members(node, "mute_time_intervals")):
            name = text_of(each)
            place = (*path, "mute_time_intervals", index)
            if not matchers or name not in self._intervals:
                reason = f"{name!r} mutes everything here, or is not declared"
                self._source.note(each, place, reason, "add a silence by hand")
                continue
            if not self._intervals[name]:
                continue  # which was noted where it is declared
            for recurrence in self._intervals[name]:
                maintenance = Maintenance(
                    comment=f"{name} (from Alertmanager)",
                    matchers=tuple(texts_of(matchers)),
                    rrule=recurrence.rrule,
                    duration_ms=recurrence.duration_ms,
                    time_zone=recurrence.time_zone,
                )
                self.maintenances.append(maintenance)
            reason = f"{name!r} is a maintenance, which mutes whatever matches, on every route"
            self._source.note(each, place, reason, "add what is listed with `tocsin silence add`")

    def _group(
        self, node: Node, path: Path, matchers: tuple[Matcher, ...], *, has_parent: bool
    ) -> None:
        """A rule for the route's own `group_by`; the deepest routes come first, as they win."""
        if has_parent and member(node, "group_by") is None:
            return
        labels = [text_of(each) for each in members(node, "group_by")]
        place = (*path, "group_by")
        if _ALL_LABELS in labels:
            if has_parent:
                reason = "no rule leaves the alerts of one route alone"
                self._source.note(node, place, reason, "write a rule by hand", at_key="group_by")
            return
        condition = [_comparison(each) for each in matchers]
        if None in condition:
            reason = "its matchers are no mere equalities, so its group_by became no rule"
            self._source.note(node, place, reason, "write a rule by hand", at_key="group_by")
            return
        rule: dict[str, Any] = {"name": f"route-{len(self.rules) + 1}" if has_parent else "root"}
        if condition:
            rule["when"] = " && ".join(each for each in condition if each)
        self.rules.append({**rule, "group_by": labels, "gap": "off"})


def _comparison(matcher: Matcher) -> str | None:
    """An equality as CEL, or None for any other matcher."""
    is_plain = _PLAIN.fullmatch(matcher.name) and _PLAIN.fullmatch(matcher.value)
    if matcher.operator != EQUAL or not matcher.value or not is_plain:
        return None
    return f'alert.labels["{matcher.name}"] == "{matcher.value}"'
