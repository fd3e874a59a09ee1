"""`tocsin dead-letters`: what could not be processed, and a second chance for it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pipeline.cli.failing import failing
from pipeline.cli.lazy import group
from pipeline.cli.options import Data, Json, Url

app = group("Events that could not be processed, with their reasons and bytes.")


@app.command("list")
@failing
def list_(
    *,
    reason: Annotated[str, typer.Option(help="Only those with this reason.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest.")] = 50,
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List dead letters, the latest first."""
    from pipeline.cli.api import running
    from pipeline.cli.output import console, emit_json, first, plain_table, safe
    from pipeline.cli.times import local

    rows = list(
        running(url, data).rows("/api/v1/dead-letters", "dead_letters", {"reason": reason}, limit)
    )
    if as_json:
        emit_json({"dead_letters": rows})
        return
    if not rows:
        print("no dead letters")
        return
    table = plain_table("id", "at", "from", "reason", "detail")
    for row in rows:
        table.add_row(
            safe(row["dead_letter_id"]),
            local(row["at_ms"]),
            safe(f"{row['topic'] or 'a timer'} by {row['stage']}"),
            safe(row["reason"]),
            safe(first(row["detail"].strip().splitlines()[-1] if row["detail"] else "", 80)),
        )
    console().print(table)


@app.command()
@failing
def show(
    dead_letter_id: Annotated[str, typer.Argument(metavar="ID")],
    *,
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show one dead letter with its bytes."""
    import base64

    from pipeline.cli.api import running, segment
    from pipeline.cli.output import emit_json
    from pipeline.cli.times import local

    row = running(url, data).get(f"/api/v1/dead-letters/{segment(dead_letter_id)}")
    if as_json:
        emit_json(row)
        return
    raw = base64.b64decode(row["value"])
    place = f"{row['topic']}:{row['partition']}:{row['offset']}" if row["topic"] else "a timer"
    print(f"{row['dead_letter_id']}  {local(row['at_ms'])}  {row['reason']}")
    print(f"from {place}, given up by {row['agent']}/{row['stage']}, tenant {row['tenant'] or '-'}")
    print(f"\n{row['detail'].rstrip()}\n")
    print(f"{len(raw)} bytes:\n{raw.decode('utf-8', 'backslashreplace')}")


@app.command()
@failing
def redrive(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]")] = None,
    *,
    reason: Annotated[str, typer.Option(help="All those with this reason, instead of ids.")] = "",
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Put dead letters onto their topic again, after a fix.

    Exit codes: 0 all were, 1 one cannot be redriven.
    """
    from pipeline.cli.api import Refusal, running, segment
    from pipeline.cli.output import emit_json, warn
    from pipeline.domain.errors import UsageError

    if bool(ids) == bool(reason):
        raise UsageError("name dead letters by their ids, or all of one --reason")
    api = running(url, data)
    rows = api.rows("/api/v1/dead-letters", "dead_letters", {"reason": reason}) if reason else ()
    chosen = ids or [row["dead_letter_id"] for row in rows]
    done: list[Any] = []
    for dead_letter_id in chosen:
        try:
            done.append(api.post(f"/api/v1/dead-letters/{segment(dead_letter_id)}/redrive", {}))
        except Refusal as refusal:
            warn(f"tocsin: {dead_letter_id}: {refusal}")
    if as_json:
        emit_json({"redriven": done})
    else:
        print(f"redriven {len(done)} of {len(chosen)}")
    if len(done) < len(chosen):
        raise typer.Exit(1)
