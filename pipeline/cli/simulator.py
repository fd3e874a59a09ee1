"""`tocsin simulator`: a PagerDuty of one's own."""

from __future__ import annotations

from collections.abc import Mapping
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
    """Serve PagerDuty's Events and REST APIs and its webhooks as a simulator until Ctrl-C.

    Exit codes: 0 it was stopped, 1 it could not listen there, 2 wrong usage.
    """
    from pipeline.cli.addresses import address, listening
    from pipeline.simulate.pagerduty import serve
    from pipeline.wire.client import Client, post

    address(listen)
    made: list[Client] = []

    async def send(url: str, headers: Mapping[str, str], body: bytes) -> int:
        # The client belongs to the event loop, which does not run before the first webhook.
        if not made:
            made.append(Client())
        status = await post(made[0], url, dict(headers), body)
        if status == 0:
            raise ConnectionError("no answer")
        return status

    with listening(listen):
        serve(listen, tls=tls, log=log, post=send)
