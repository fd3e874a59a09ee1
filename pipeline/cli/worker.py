"""`tocsin worker`: the agents on Kafka, as many processes of them as it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.failing import failing
from pipeline.cli.options import Config


@failing
def worker(
    *,
    agents: Annotated[
        str, typer.Option(help="Names with commas between: run these alone, to scale them.")
    ] = "",
    slot: Annotated[
        str, typer.Option(help="The slot's name; else the first free one of the data folder.")
    ] = "",
    data: Annotated[
        Path | None, typer.Option(help="The folder of slots and state; else TOCSIN_DATA.")
    ] = None,
    config: Config = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Decide everything, send nothing.")
    ] = False,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT of /healthz, /readyz and /metrics; else none is served.")
    ] = "",
    leave: Annotated[
        bool,
        typer.Option("--leave", help="When stopped, give its partitions to the others at once."),
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="End when it ends; else it is started again.")
    ] = False,
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
) -> None:
    """Run agents on Kafka until Ctrl-C; start it again, here or elsewhere, to scale.

    It needs TOCSIN_KAFKA_BOOTSTRAP and an applied topology. A worker that ends on its own is
    started again, each time after a longer pause. A worker that is stopped is expected back: its
    partitions wait for it until its session ends (10 s), unless it was started with --leave.

    Exit codes: 0 it was stopped, 1 it could not begin or ended on its own, 2 wrong usage.
    """
    from pipeline.cli import supervising, toil

    if once:
        names = tuple(name.strip() for name in agents.split(",") if name.strip())
        toil.begin(
            toil.Wish(
                agents=names,
                slot=slot,
                data=data,
                config=config,
                listen=listen,
                is_dry=dry_run,
                is_leaving=leave,
                is_supervised=supervised,
            )
        )
    else:
        supervising.supervise()
