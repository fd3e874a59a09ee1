"""`tocsin simulator`: a PagerDuty of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.failing import failing


@failing
def simulator(
    *,
    listen: Annotated[str, typer.Option(help="HOST:PORT; port 0 is the kernel's choice.")] = (
        "127.0.0.1:0"
    ),
    tls: Annotated[bool, typer.Option(help="Serve HTTPS with a certificate made now.")] = False,
    log: Annotated[
        Path | None, typer.Option(help="Append each received call to this file.")
    ] = None,
) -> None:
    """Serve PagerDuty's Events and REST APIs as a simulator until Ctrl-C."""
    from pipeline.simulate.pagerduty import serve

    serve(listen, tls=tls, log=log)
