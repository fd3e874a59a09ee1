"""`tocsin receivers test`: tell one receiver something harmless, past rules and outbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.failing import failing
from pipeline.cli.lazy import group
from pipeline.cli.options import Config, Json

if TYPE_CHECKING:
    from pipeline.domain.notification import Receipt

INSTALLATION: Final = "trial"
"""Stands in the dedup key where an installation's name would."""

app = group("Try the receivers of a topology.yaml.")


@app.command("test")
@failing
def try_receiver(
    name: Annotated[str, typer.Argument(help="The receiver's name in topology.yaml.")],
    *,
    config: Config = None,
    url: Annotated[
        str, typer.Option("--url", help="Let this running Tocsin do it, with its secrets.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Open a test at a receiver and resolve it again, and say what came back.

    Exit codes: 0 it took both, 1 it did not.
    """
    import msgspec

    from pipeline.cli.output import emit_json

    if url:
        from pipeline.cli.api import running, segment
        from pipeline.domain.notification import Receipt

        answer = running(url, None).post(f"/api/v1/receivers/{segment(name)}/test", {})
        receipt = msgspec.convert(answer, Receipt)
    else:
        receipt = _try(name, config)
    if as_json:
        emit_json(receipt)
    else:
        code = f" (status {receipt.status_code})" if receipt.status_code else ""
        known = f", which calls it {receipt.ref}" if receipt.ref else ""
        because = f": {receipt.why}" if receipt.why else ""
        print(f"{name}: {receipt.action} {receipt.result}{code}{because}{known}")
    if receipt.result != "delivered":
        raise typer.Exit(1)


def _try(name: str, config: Path | None) -> Receipt:
    """Call the receiver from here, with the secrets that this shell has."""
    import asyncio

    from pipeline.app.trial import try_receiver
    from pipeline.cli.rules import file_of, load_file
    from pipeline.cli.times import now_ms
    from pipeline.settings import read_settings
    from pipeline.wire.client import Client

    topology, _ = load_file(file_of(config))

    async def run() -> Receipt:
        client = Client()
        try:
            return await try_receiver(
                topology,
                name,
                client=client,
                installation=INSTALLATION,
                now_ms=now_ms(),
                events_url=read_settings().pagerduty_events_url,
            )
        finally:
            await client.close()

    return asyncio.run(run())
