"""Survey: what a migration would carry, and what speaks against it; nothing is written."""

from __future__ import annotations

from collections import Counter
from typing import Final, Literal

from msgspec import Struct

from pipeline.codec import StateCodec
from pipeline.domain.stage import INCIDENTS
from pipeline.hosts.migrate.course import PASSED_MAX, Course
from pipeline.hosts.migrate.marker import Marker, decode_marker
from pipeline.hosts.migrate.source import Source
from pipeline.hosts.migrate.target import Target
from pipeline.topology.apply.look import scope_of

ALERTS: Final = "alerts"
"""The topic whose keys are scopes by the rules that made its records."""

Kind = Literal["rows", "latest", "unread", "history"]


class Line(Struct, frozen=True, kw_only=True):
    """So many records or rows of one topic or table (`what`). What of a topic on Kafka was
    processed is an upper bound: transactions leave holes.
    """

    kind: Kind
    what: str
    count: int
    agent: str = ""


class Survey(Struct, frozen=True, kw_only=True):
    """`stage`: nothing was done yet, a run was interrupted, all is done. `left` is what nobody
    knows on the target. `refusals` empty: it may be done.
    """

    source: str
    target: str
    installation: str
    stage: Literal["new", "interrupted", "done"]
    open_incidents: int
    carried: tuple[Line, ...]
    left: tuple[Line, ...]
    notes: tuple[str, ...]
    refusals: tuple[str, ...]


async def survey(source: Source, target: Target, course: Course) -> Survey:
    """Look at both. Raises what reading them raises."""
    stage, refusals = _standing(target, course.marker)
    open_incidents = await _open_incidents(source, course)
    unread = await _unread(source, course)
    carried, left = _lines(target, course, unread)
    if stage != "done":
        refusals += _by_source(source)
        refusals += _by_scope(source, target, unread[ALERTS], open_incidents)
        missing = await target.missing()
        refusals += missing or await target.members()
        if not missing and stage == "new":
            refusals += await target.remains()
    return Survey(
        source=source.name,
        target=f"the application {target.topology.app} at {target.options['bootstrap_servers']}",
        installation=source.installation,
        stage=stage,
        open_incidents=open_incidents,
        carried=carried,
        left=left,
        notes=tuple(_notes(target, course)),
        refusals=tuple(refusals),
    )


def _standing(
    target: Target, marker: Marker
) -> tuple[Literal["new", "interrupted", "done"], list[str]]:
    """How far the migration has come, by the target's control topic."""
    control = target.control
    if control.migrated:
        done = decode_marker(control.migrated)
        if done.source == marker.source:
            return "done", []
        return "new", [f"the target was migrated from {done.name} already, or that has gone on"]
    if not control.migrating:
        return "new", []
    begun = decode_marker(control.migrating)
    if begun.is_same(marker):
        return "interrupted", []
    return "interrupted", [
        (
            f"a migration from {begun.name} was interrupted and cannot go on: the source has gone"
            " on since, or rules and options are others than then; --start-over deletes what it has"
            " left on the target and begins anew"
        )
    ]


def _by_source(source: Source) -> list[str]:
    if not source.installation:
        return [f"{source.name} was never started: there is nothing to carry"]
    return []


def _by_scope(source: Source, target: Target, unread: int, open_incidents: int) -> list[str]:
    """Under another scope neither incidents nor keys of alerts mean what they meant."""
    if not source.applied:
        return []
    text = source.texts.get(source.applied)
    if text is None:
        return [
            (
                f"the rules {source.applied} that decided last are not kept in {source.name}, so"
                " their scope is not known: start it once with `tocsin run`, and stop it"
            )
        ]
    before, after = scope_of(text), target.topology.scope
    if before == after:
        return []
    change = f"the scope changes from [{', '.join(before)}] to [{', '.join(after)}]"
    found = []
    if open_incidents:
        are = "incident is" if open_incidents == 1 else "incidents are"
        found.append(
            f"{change}, and {open_incidents:,} {are} open: what comes next would not find them;"
            " resolve them first, or keep the scope"
        )
    if unread:
        found.append(
            f"{change}, and {unread:,} records of {ALERTS} are not yet processed under the"
            " former one: start the source once more, and stop it when it has come to rest"
        )
    return found


def _lines(
    target: Target, course: Course, unread: Counter[str]
) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """What is carried, and which rows nobody takes."""
    rows: Counter[tuple[str, str]] = Counter()
    left: Counter[str] = Counter()
    for size in course.tables:
        home = target.routing.agent_of(size.table)
        if home is None:
            left[size.table] += size.rows
        else:
            rows[home, size.table] += size.rows
    lines = [
        Line(kind="rows", what=table, count=count, agent=agent)
        for (agent, table), count in sorted(rows.items())
    ]
    kinds: dict[Kind, Counter[str]] = {**_processed(target, course), "unread": unread}
    for kind, counts in kinds.items():
        lines += [Line(kind=kind, what=topic, count=n) for topic, n in sorted(counts.items()) if n]
    return tuple(lines), tuple(
        Line(kind="rows", what=table, count=count) for table, count in sorted(left.items())
    )


def _processed(target: Target, course: Course) -> dict[Kind, Counter[str]]:
    """What was processed and is carried, by topic."""
    found: dict[Kind, Counter[str]] = {"latest": Counter(), "history": Counter()}
    for (topic, _), extent in course.extents.items():
        done = extent.read - extent.first
        if not target.is_deleting(topic):
            found["latest"][topic] += done
        elif course.marker.is_with_history:
            found["history"][topic] += done
    return found


async def _unread(source: Source, course: Course) -> Counter[str]:
    """The records that are not yet processed, by topic; they are read for that."""
    found: Counter[str] = Counter()
    for place, extent in course.extents.items():
        async for piece in source.records(place, extent.read, extent.next):
            found[place[0]] += len(piece)
    return found


def _notes(target: Target, course: Course) -> list[str]:
    found = [
        f"positions on {topic} partition {number} begin anew, since {extent.next:,} came before:"
        " ids of alerts may come twice"
        for (topic, number), extent in course.extents.items()
        if extent.next > PASSED_MAX and (topic, number) in target.inputs()
    ]
    external = [name for name, spec in target.topology.topics.items() if spec.is_external]
    found += [
        f"{topic} is external: what stands there already is read from its beginning"
        for topic in external
        if any(topic in agent.reads for agent in target.agents.values())
    ]
    return found


async def _open_incidents(source: Source, course: Course) -> int:
    decode = StateCodec(INCIDENTS).decode
    count = 0
    for size in course.tables:
        if size.table == INCIDENTS.name:
            async for piece in source.rows(size.task, size.table, 0):
                count += sum(decode(value).is_open for _, value in piece)
    return count
