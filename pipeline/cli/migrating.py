"""The steps of `tocsin migrate`: look at both sides, show, have it agreed, carry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import typer
from msgspec import Struct

from pipeline.app.moving import Cluster, Move, look, move_all
from pipeline.cli.applying import cluster_options
from pipeline.cli.output import counted, emit_json, warn
from pipeline.cli.rules import file_of, sound_file
from pipeline.domain.errors import UsageError
from pipeline.hosts.migrate.survey import Line, Survey
from pipeline.settings import read_settings, read_source_cluster
from pipeline.topology.apply import check_reach
from pipeline.topology.cluster import client_options
from pipeline.topology.load import read

TELL_EVERY_S: Final = 5.0

_SAID: Final = {
    "latest": "of which the latest per key",
    "unread": "not yet processed",
    "history": "processed, kept",
}


class Wish(Struct, frozen=True, kw_only=True):
    """The options of the command, as they were given."""

    data: Path | None
    from_kafka: str
    from_app: str
    config: Path | None
    is_with_history: bool
    is_starting_over: bool


def look_only(wish: Wish, *, as_json: bool) -> None:
    """Say what would be carried. Exits with 1 or 2 where there is something to say about it."""
    found = asyncio.run(look(_move(wish)))
    if as_json:
        emit_json(found)
    else:
        _show(found)
    if found.refusals:
        raise typer.Exit(1)
    if found.stage != "done":
        raise typer.Exit(2)


def carry_out(wish: Wish, *, is_agreed: bool, as_json: bool) -> None:
    """Show, ask, carry. Exits with 1 where it was not carried."""

    def agree(found: Survey) -> bool:
        if not as_json:
            _show(found)
        return is_agreed or typer.confirm("Carry this?", err=True)

    outcome = asyncio.run(move_all(_move(wish), agree, _teller()))
    found = outcome.found
    if as_json:
        emit_json(outcome)
    elif not outcome.is_carried and (found.refusals or found.stage == "done"):
        _show(found)
    if outcome.is_carried:
        warn(
            "carried: start `tocsin worker` and `tocsin serve` on the target (installation"
            f" {found.installation}), and leave {found.source} stopped"
        )
    elif found.stage != "done":
        warn("nothing was carried")
        raise typer.Exit(1)


def _move(wish: Wish) -> Move:
    """Raises UsageError and TocsinError where the wish cannot be."""
    if wish.from_kafka and wish.data is not None:
        raise UsageError("--data and --from-kafka: from one of them, not from both")
    path = file_of(wish.config)
    topology, text = sound_file(path), read(path)
    options = cluster_options()
    source: Path | Cluster = wish.data or read_settings().data
    if wish.from_kafka:
        source = Cluster(
            options=_source_options(wish.from_kafka), app=wish.from_app or topology.app
        )
    return Move(
        source=source,
        options=options,
        topology=topology,
        text=text,
        is_with_history=wish.is_with_history,
        is_starting_over=wish.is_starting_over,
    )


def _source_options(bootstrap: str) -> dict[str, Any]:
    """How the cluster to migrate from is reached, once it lets us in."""
    cluster = read_source_cluster(bootstrap)
    asyncio.run(check_reach(cluster))
    return client_options(cluster)


def _show(found: Survey) -> None:
    print(f"from {found.source}\nto   {found.target}")
    if found.stage == "done":
        print("all of it was carried already: there is nothing to do")
        return
    if found.stage == "interrupted":
        print("a run was interrupted: what is there already is not carried again")
    print(f"installation {found.installation}, {counted(found.open_incidents, 'open incident')}")
    for line in found.carried:
        print(f"  {_said(line)}")
    for line in found.left:
        print(f"  left behind: {counted(line.count, 'row')} of {line.what}, which no stage has")
    for note in found.notes:
        warn(f"note: {note}")
    for refusal in found.refusals:
        warn(f"refused: {refusal}")


def _said(line: Line) -> str:
    if line.kind == "rows":
        whose = f" ({line.agent})" if line.agent else ""
        return f"{line.count:>10,} rows of {line.what}{whose}"
    return f"{line.count:>10,} records of {line.what}, {_SAID[line.kind]}"


def _teller() -> Callable[[str, int], None]:
    """Says now and then how far it is."""
    told_at_s = time.monotonic()

    def tell(what: str, written: int) -> None:
        nonlocal told_at_s
        if time.monotonic() - told_at_s > TELL_EVERY_S:
            told_at_s = time.monotonic()
            warn(f"… {what}: {written:,} records written")

    return tell
