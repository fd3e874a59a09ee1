"""Plan: from what the cluster should be and what it is to the actions between them; pure.

One action is one topic and one thing to do with it. Topics that no longer are declared are
actions too, of the highest risk; those of others do not occur.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct

from pipeline.domain.units import Duration
from pipeline.topology.desired import State, Topic
from pipeline.topology.risk import FLAGS, Risk, worst

Kind = Literal["create", "replication", "settings", "partitions", "destroy", "by hand", "publish"]

UNLIMITED: Final = -1
"""What Kafka writes for records that are kept for ever."""


class Change(Struct, frozen=True, kw_only=True):
    """One value before and after; `before` is empty where there was none."""

    name: str
    before: str
    after: str
    risk: Risk = Risk.SAFE
    reason: str = ""


class Action(Struct, frozen=True, kw_only=True):
    """One thing to do with one topic. `reason` says why it has its risk.

    `by hand` is what no apply does: its reason says what a person has to do first.
    """

    kind: Kind
    topic: str
    risk: Risk = Risk.SAFE
    reason: str = ""
    changes: tuple[Change, ...] = ()


def plan(wanted: State, actual: State) -> tuple[Action, ...]:
    """What leads from `actual` to `wanted`, in the order in which it has to be done.

    Of what `actual` holds beside that only topics in its `owned` are looked at.
    """
    found: list[Action] = []
    for name, topic in wanted.topics.items():
        there = actual.topics.get(name)
        found += _absent(name, topic) if there is None else _present(name, topic, there)
    found += [
        Action(
            kind="destroy",
            topic=name,
            risk=Risk.DESTROYS,
            reason="it is no longer declared; all its records go",
        )
        for name in sorted(actual.owned - wanted.topics.keys())
        if name in actual.topics
    ]
    found += _published(wanted, actual)
    return tuple(sorted(found, key=lambda action: _ORDER.index(action.kind)))


_ORDER: Final = ("by hand", "create", "replication", "settings", "partitions", "destroy", "publish")


def refusals(
    actions: Sequence[Action], allowed: Collection[Risk], open_incidents: int
) -> tuple[str, ...]:
    """Why these actions may not be done; empty where they may.

    What would be destroyed stays where that is not allowed, so it refuses nothing.
    """
    found = [f"{each.topic}: {each.reason}" for each in actions if each.kind == "by hand"]
    risks = {each.risk for each in actions if each.kind != "destroy"}
    found += [
        f"what {risk} needs {flag}"
        for risk, flag in FLAGS.items()
        if risk in risks and risk not in allowed
    ]
    if Risk.REKEYS in risks and open_incidents:
        are = "incident is" if open_incidents == 1 else "incidents are"
        found.append(
            f"nothing is re-keyed while {open_incidents:,} {are} open: what comes next would not "
            "find them; resolve them first"
        )
    return tuple(found)


def done(actions: Sequence[Action], allowed: Collection[Risk]) -> tuple[Action, ...]:
    """The actions that an apply does: what would be destroyed stays unless that is allowed."""
    return tuple(each for each in actions if each.kind != "destroy" or Risk.DESTROYS in allowed)


def _absent(name: str, topic: Topic) -> Iterator[Action]:
    if topic.is_external:
        reason = "it is declared external and is not there: have its owner create it"
        yield Action(kind="by hand", topic=name, reason=reason)
        return
    changes = [
        Change(name="partitions", before="", after=str(topic.partitions)),
        Change(name="replication", before="", after=str(topic.replication)),
        *(Change(name=key, before="", after=value) for key, value in topic.settings.items()),
    ]
    yield Action(kind="create", topic=name, changes=tuple(changes))


def _present(name: str, topic: Topic, there: Topic) -> Iterator[Action]:
    if topic.is_external:
        if topic.partitions != there.partitions:
            reason = (
                f"it is external and has {there.partitions} partitions, not {topic.partitions}: "
                f"declare `partitions: {there.partitions}`"
            )
            yield Action(kind="by hand", topic=name, reason=reason)
        return
    if topic.partitions < there.partitions:
        reason = (
            f"it has {there.partitions} partitions, and Kafka takes none away: declare "
            f"`partitions: {there.partitions}`, or move to an application of another name"
        )
        yield Action(kind="by hand", topic=name, reason=reason)
    elif topic.partitions > there.partitions:
        yield _more_partitions(name, topic, there)
    if topic.replication != there.replication:
        before, after = str(there.replication), str(topic.replication)
        yield Action(
            kind="replication",
            topic=name,
            reason="replicas are copied in the background",
            changes=(Change(name="replication", before=before, after=after),),
        )
    changes = tuple(_settings(topic.settings, there.settings))
    if changes:
        risk = worst([change.risk for change in changes])
        yield Action(kind="settings", topic=name, risk=risk, changes=changes)


def _more_partitions(name: str, topic: Topic, there: Topic) -> Action:
    risk, reason = Risk.SAFE, "its records have no key, so none is elsewhere afterwards"
    if topic.is_keyed:
        risk = Risk.REKEYS
        reason = "keys move to other partitions, what is kept of them does not"
    before, after = str(there.partitions), str(topic.partitions)
    changes = (Change(name="partitions", before=before, after=after),)
    return Action(kind="partitions", topic=name, risk=risk, reason=reason, changes=changes)


def _settings(wanted: Mapping[str, str], there: Mapping[str, str]) -> Iterator[Change]:
    for key, after in wanted.items():
        before = there.get(key, "")
        if before != after:
            risk, reason = _risk_of(key, before, after)
            yield Change(name=key, before=before, after=after, risk=risk, reason=reason)


def _risk_of(key: str, before: str, after: str) -> tuple[Risk, str]:
    if key in ("retention.ms", "delete.retention.ms") and _kept_ms(after) < _kept_ms(before):
        what = "tombstones" if key.startswith("delete.") else "records"
        return Risk.LOSES, f"{what} older than {Duration(int(after))} are deleted at once"
    if key == "cleanup.policy" and after == "compact":
        return Risk.LOSES, "of each key all records but the latest go"
    if key == "cleanup.policy":
        return Risk.LOSES, "keys that are not written again go with their last record"
    return Risk.SAFE, ""


def _kept_ms(text: str) -> float:
    return float("inf") if text in ("", str(UNLIMITED)) else int(text)


def _published(wanted: State, actual: State) -> Iterator[Action]:
    missing = wanted.owned - actual.owned
    if wanted.applied == actual.applied and not missing:
        return
    changes = []
    if wanted.applied != actual.applied:
        changes.append(Change(name="topology", before=actual.applied, after=wanted.applied))
    risk, reason = Risk.SAFE, "workers may run this topology"
    if actual.applied and wanted.applied != actual.applied:
        risk, reason = Risk.RESTART, "workers and edges have to be started again with this file"
    if actual.applied and wanted.scope != actual.scope:
        why = "alerts get other scopes, what is open under the former ones stays there"
        before, after = (", ".join(each) or "none" for each in (actual.scope, wanted.scope))
        risk, reason = Risk.REKEYS, why
        changes.append(
            Change(name="scope", before=before, after=after, risk=Risk.REKEYS, reason=why)
        )
    yield Action(kind="publish", topic="", risk=risk, reason=reason, changes=tuple(changes))
