"""The steps of `tocsin topology plan` and `apply`: ask the cluster, show, have it agreed, do it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.topology.apply import Prospect
    from pipeline.topology.declared import Topology
    from pipeline.topology.risk import Risk


def cluster_options() -> dict[str, Any]:
    """How the cluster of TOCSIN_KAFKA_BOOTSTRAP is reached, once it lets us in.

    Raises UsageError where none is named, Unreachable with what is in the way.
    """
    import asyncio
    import logging

    from pipeline.domain.errors import UsageError
    from pipeline.settings import read_settings
    from pipeline.topology.apply import check_reach
    from pipeline.topology.cluster import client_options

    cluster = read_settings().kafka
    if cluster is None:
        raise UsageError(
            "which Kafka? export TOCSIN_KAFKA_BOOTSTRAP=HOST:PORT; `tocsin kafka start` starts one "
            "on this machine and says where"
        )
    # The client logs what the error that it leads to says better.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    asyncio.run(check_reach(cluster))
    return client_options(cluster)


def planned(options: dict[str, Any], topology: Topology, replication: int) -> Prospect:
    """The plan for the cluster. Raises ClusterError."""
    import asyncio

    from pipeline.topology.apply import prospect

    return asyncio.run(prospect(options, topology, replication=replication))


def show(found: Prospect, allowed: Collection[Risk], *, as_json: bool) -> None:
    """The plan, and why it may not be done as it is."""
    from pipeline.cli.output import emit_json, warn
    from pipeline.topology.plan import refusals
    from pipeline.topology.render import render

    refused = refusals(found.actions, allowed, found.open_incidents)
    if as_json:
        emit_json(
            {
                "is_needed": found.is_needed,
                "actions": found.actions,
                "refusals": refused,
                "open_incidents": found.open_incidents,
                "installation": found.installation,
            }
        )
        return
    print(render(found.actions, allowed))
    for reason in refused:
        warn(f"refused: {reason}")


def agreed(found: Prospect, allowed: Collection[Risk], *, is_agreed: bool) -> None:
    """Return if the plan may be done and somebody wants it; else exit with 1."""
    import typer

    from pipeline.cli.output import warn
    from pipeline.topology.plan import refusals

    if refusals(found.actions, allowed, found.open_incidents):
        warn("nothing was done")
        raise typer.Exit(1)
    if not is_agreed and not typer.confirm("Do this?", err=True):
        warn("nothing was done")
        raise typer.Exit(1)


def carry_out(
    options: dict[str, Any],
    topology: Topology,
    text: str,
    found: Prospect,
    replication: int,
    allowed: Collection[Risk],
) -> None:
    """Do the plan and say what is applied now. Raises ClusterError."""
    import asyncio

    from pipeline.cli.output import warn
    from pipeline.topology.apply import apply

    made = apply(options, topology, text, found.actions, replication=replication, allowed=allowed)
    control = asyncio.run(made)
    warn(f"applied {control.applied} (installation {control.installation})")
