"""`tocsin run`: the whole pipeline in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.failing import failing
from pipeline.cli.options import Config


@failing
def run(
    *,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT; port 0 is the kernel's choice. Else TOCSIN_LISTEN.")
    ] = "",
    data: Annotated[
        Path | None, typer.Option(help="The folder of log and state; else TOCSIN_DATA.")
    ] = None,
    config: Config = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Decide everything, send nothing.")
    ] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Play a recorded storm; nothing leaves this machine.")
    ] = False,
    speed: Annotated[
        float, typer.Option(min=0.1, max=100, help="Of the demo: 2 waits half as long.")
    ] = 1.0,
) -> None:
    """Run the pipeline until Ctrl-C. SIGHUP reloads topology.yaml if it lints.

    Exit codes: 0 it was stopped, 1 it could not begin or a part of it ended, 2 wrong usage.
    """
    from pipeline.cli import starting

    if demo:
        starting.start_demo(listen=listen, data=data, speed=speed)
    else:
        starting.start(listen=listen, data=data, config=config, is_dry=dry_run)
