"""`tocsin serve`: the edge on Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.failing import failing
from pipeline.cli.options import Config


@failing
def serve(
    *,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT; port 0 is the kernel's choice. Else TOCSIN_LISTEN.")
    ] = "",
    data: Annotated[
        Path | None, typer.Option(help="The folder of the view; else TOCSIN_DATA.")
    ] = None,
    config: Config = None,
) -> None:
    """Take alerts and commands into Kafka, and answer questions, until Ctrl-C.

    It needs TOCSIN_KAFKA_BOOTSTRAP and an applied topology; `tocsin worker` runs the agents. Start
    as many as are needed, each with a data folder of its own. SIGHUP reloads topology.yaml if it
    is the applied one.

    Exit codes: 0 it was stopped, 1 it could not begin or a part of it ended, 2 wrong usage.
    """
    from pipeline.cli import opening

    opening.open_edge(listen=listen, data=data, config=config)
