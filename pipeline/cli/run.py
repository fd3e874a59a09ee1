"""`tocsin run`: the whole pipeline in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.failing import failing


@failing
def run(
    *,
    listen: Annotated[str, typer.Option(help="HOST:PORT; port 0 is the kernel's choice.")] = "",
    data: Annotated[Path | None, typer.Option(help="The folder of log and state.")] = None,
    config: Annotated[Path | None, typer.Option(help="The topology.yaml to run.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Decide everything, send nothing.")] = False,
) -> None:
    """Run the pipeline until Ctrl-C. SIGHUP reloads topology.yaml if it lints."""
    from pipeline.cli.starting import start

    start(listen=listen, data=data, config=config, is_dry=dry_run)
