"""Course: everything that a migration has to do, derived from a source at rest and a target.

The same source and target give the same course, so that an interrupted one can be taken up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from pipeline.domain.errors import StoreError
from pipeline.engine.agent import JOURNAL
from pipeline.hosts.migrate.marker import Marker
from pipeline.hosts.migrate.source import Bounds, Place, Source, TableSize, fingerprint
from pipeline.hosts.migrate.target import Target
from pipeline.hosts.migrate.units import (
    HISTORY,
    LATEST,
    UNREAD,
    Latest,
    Records,
    State,
    Texts,
    Unit,
)
from pipeline.topology.apply.control import TEXTS_MAX

PASSED_MAX: Final = 100_000_000
"""So many offsets of a partition are passed over at most; a note says where it would be more."""


class Extent(Struct, frozen=True, kw_only=True):
    """One partition of the source: what lies before `read` was processed, the rest was not."""

    first: int
    read: int
    next: int


class Course(Struct, frozen=True, kw_only=True):
    """What is done in this order: offsets are passed over, `before` is carried, then it is known
    where tasks begin; `after` is carried. `topics` are looked at, `extents` are what the source has
    of them, `tables` its rows.
    """

    marker: Marker
    topics: Sequence[str]
    extents: Mapping[Place, Extent]
    tables: Sequence[TableSize]
    passed: Mapping[Place, int]
    before: Sequence[Unit]
    after: Sequence[Unit]


async def course_of(
    source: Source, target: Target, *, is_with_history: bool, now_ms: int
) -> Course:
    """The course. Raises StoreError where a topic was read up to different offsets by several
    agents.
    """
    topology = target.topology
    app, routing = topology.app, target.routing
    topics = [name for name in topology.topics if name != JOURNAL]
    extents = {
        (topic, number): _extent(source, target, topic, number, bounds)
        for topic in topics
        for number, bounds in (await source.bounds(topic)).items()
    }
    tables = await source.tables()
    texts = {name: text for name, text in source.texts.items() if name != topology.hash}
    before: list[Unit] = [Texts(app, dict(list(texts.items())[-(TEXTS_MAX - 1) :]), now_ms)]
    after: list[Unit] = []
    for place, extent in extents.items():
        done, rest = (extent.first, extent.read), (extent.read, extent.next)
        if not target.is_deleting(place[0]):
            before.append(Latest(LATEST, source, routing, place, done))
        elif is_with_history:
            before.append(Records(HISTORY, source, routing, place, done))
        after.append(Records(UNREAD, source, routing, place, rest))
    for task in source.checkpoints:
        names = [size.table for size in tables if size.task == task]
        after.append(State(app, source, routing, task, names, now_ms))
    return Course(
        marker=Marker(
            source=await fingerprint(source, topics),
            name=source.name,
            rules=topology.hash,
            is_with_history=is_with_history,
        ),
        topics=topics,
        extents=extents,
        tables=tables,
        passed=_passed(target, extents),
        before=before,
        after=after,
    )


def _extent(source: Source, target: Target, topic: str, number: int, bounds: Bounds) -> Extent:
    """What of a partition is still to be read on the target."""
    first, following = bounds
    if not any(topic in agent.reads for agent in target.agents.values()):
        return Extent(first=first, read=following, next=following)
    at = f"{topic}:{number}"
    known = {
        max(first, checkpoint.offsets[at])
        for checkpoint in source.checkpoints.values()
        if at in checkpoint.offsets
    }
    if len(known) > 1:
        raise StoreError(
            f"{at} of {source.name} was read up to {min(known)} by one agent and up to"
            f" {max(known)} by another: start it once more, and stop it when it has come to rest"
        )
    read = known.pop() if known else first
    return Extent(first=first, read=min(read, following), next=following)


def _passed(target: Target, extents: Mapping[Place, Extent]) -> dict[Place, int]:
    """The offsets before which no new record of a partition may stand.

    Ids derive from positions. What comes on the target must not get the position, and so the id,
    of something that came before.
    """
    inputs = target.inputs()
    return {
        place: extent.next
        for place, extent in extents.items()
        if place in inputs
        and target.is_deleting(place[0])
        and target.is_ours(place[0])
        and 0 < extent.next <= PASSED_MAX
    }
