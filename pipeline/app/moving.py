"""Moving: an application onto Kafka, from a data folder or from another cluster.

The source is read and never changed: whoever wants to go back stops what runs on the target and
starts the source again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from pipeline.app import compose
from pipeline.domain.errors import UsageError
from pipeline.domain.secret import Secret
from pipeline.hosts.clock import Clock
from pipeline.hosts.faust.client.check import AIOKAFKA
from pipeline.hosts.faust.client.check import check as check_library
from pipeline.hosts.migrate.carry import Tell, carry
from pipeline.hosts.migrate.cluster import ClusterSource
from pipeline.hosts.migrate.course import Course, course_of
from pipeline.hosts.migrate.folder import FolderSource
from pipeline.hosts.migrate.source import Source
from pipeline.hosts.migrate.survey import Survey, survey
from pipeline.hosts.migrate.target import Target, Wanted
from pipeline.topology.apply.connection import connected
from pipeline.topology.apply.control import read_control
from pipeline.topology.declared import Topology
from pipeline.topology.load import check
from pipeline.topology.secrets import MissingSecret


class Cluster(Struct, frozen=True, kw_only=True):
    """An application on Kafka as a source: how its cluster is reached, what it is called."""

    options: Mapping[str, Any]
    app: str


class Move(Struct, frozen=True, kw_only=True):
    """What is to be carried where. `text` is the file that `topology` was loaded from."""

    source: Path | Cluster
    options: Mapping[str, Any]
    topology: Topology
    text: str
    is_with_history: bool = False
    is_starting_over: bool = False


class Outcome(Struct, frozen=True, kw_only=True):
    """What was found, and whether it was carried in this run."""

    found: Survey
    is_carried: bool


async def look(move: Move) -> Survey:
    """What would be carried, and what speaks against it; nothing is written. Raises Mismatch on
    another aiokafka than the one that the migration was written against.
    """
    async with _opened(move) as (source, target, course):
        return await survey(source, target, course)


async def move_all(
    move: Move, agree: Callable[[Survey], bool], tell: Tell = lambda *_: None
) -> Outcome:
    """Look, have it agreed, and carry; the source stays closed to others for all that time.

    Raises Mismatch as `look` does, Busy where a source or target is in use, and what the cluster
    refuses. May be interrupted and called again.
    """
    async with _opened(move) as (source, target, first_course):
        course = first_course
        found = await survey(source, target, course)
        if move.is_starting_over and found.stage == "interrupted" and agree(found):
            await target.make_anew()
            course = await _course(move, source, target)
            found = await survey(source, target, course)
        elif found.stage == "done" or found.refusals or not agree(found):
            return Outcome(found=found, is_carried=False)
        if found.refusals:
            return Outcome(found=found, is_carried=False)
        await carry(source, target, course, _now_ms(), tell)
        return Outcome(found=found, is_carried=True)


@asynccontextmanager
async def _opened(move: Move) -> AsyncIterator[tuple[Source, Target, Course]]:
    check_library(AIOKAFKA)
    async with AsyncExitStack() as stack:
        source: Source
        if isinstance(move.source, Path):
            source = stack.enter_context(FolderSource(move.source))
        else:
            opened = await _cluster(move, move.source)
            source = await stack.enter_async_context(opened)
        # The stages only say whose rows are whose, for which they need no installation.
        agents = compose.agents(move.topology, compose.wiring(move.topology, ""))
        wanted = Wanted(options=move.options, topology=move.topology, text=move.text, agents=agents)
        target = await stack.enter_async_context(Target(wanted))
        yield source, target, await _course(move, source, target)


async def _course(move: Move, source: Source, target: Target) -> Course:
    return await course_of(source, target, is_with_history=move.is_with_history, now_ms=_now_ms())


async def _cluster(move: Move, cluster: Cluster) -> ClusterSource:
    """The source on Kafka, under the rules that it runs. Raises UsageError."""
    if await _id_of(cluster.options) == await _id_of(move.options):
        raise UsageError(
            "source and target are one cluster: topics have the names that topology.yaml gives"
            " them whatever the application is called, so two applications need two clusters"
        )
    control = await read_control(cluster.options, cluster.app)
    if not control.applied:
        raise UsageError(
            f"there is no application {cluster.app!r} on the cluster to migrate from: name it with"
            " --from-app"
        )
    topology = check(control.text, f"the rules of {cluster.app}", _no_secret).topology
    if topology is None:
        raise UsageError(
            f"the topology.yaml applied to {cluster.app!r} is not one that this Tocsin can run:"
            " apply one that is, let its workers take it over, and stop them"
        )
    return ClusterSource(cluster.options, topology, control)


async def _id_of(options: Mapping[str, Any]) -> str:
    """Kafka's own id of a cluster."""
    async with connected(options) as connection:
        return str((await connection.metadata([], "asking for the cluster's id")).cluster_id)


def _no_secret(reference: str) -> Secret:
    raise MissingSecret(reference, "a migration calls nobody", "")


def _now_ms() -> int:
    return Clock().now_ms()
