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
    all_: Annotated[
        bool, typer.Option("--all", help="Also those that were redriven since.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest.")] = 50,
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List dead letters that were not redriven yet, the latest first."""
    from pipeline.cli.api import running
    from pipeline.cli.output import console, emit_json, first, plain_table, safe
    from pipeline.cli.times import local

    query = {"reason": reason, "redriven": "" if all_ else "false"}
    rows = list(running(url, data).rows("/api/v1/dead-letters", "dead_letters", query, limit))
    if as_json:
        emit_json({"dead_letters": rows})
        return
    if not rows:
        print("no dead letters")
        return
    table = plain_table("id", "at", "from", "given up by", "reason", "detail")
    for row in rows:
        table.add_row(
            safe(row["dead_letter_id"]),
            local(row["at_ms"]),
            safe(_place(row)),
            safe(_owner(row)),
            safe(row["reason"]),
            safe(_state(row) + first((row["detail"].strip().splitlines() or [""])[-1], 80)),
        )
    console().print(table)


def _place(row: dict[str, Any]) -> str:
    """Where it came from; what the edge refused itself has no offset."""
    if not row["topic"]:
        return "a timer"
    if row["offset"] < 0:
        return "the edge"
    return f"{row['topic']}:{row['partition']}:{row['offset']}"


def _owner(row: dict[str, Any]) -> str:
    """The agent, and its stage where one gave up."""
    return f"{row['agent']}/{row['stage']}" if row["stage"] else str(row["agent"])


def _state(row: dict[str, Any]) -> str:
    """What redriving has come to, before the detail."""
    if row["redriven_at_ms"]:
        return "redriven: "
    return "refused again: " if row["redriven_from"] else ""


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
    print(f"{row['dead_letter_id']}  {local(row['at_ms'])}  {row['reason']}")
    print(f"from {_place(row)}, given up by {_owner(row)}, tenant {row['tenant'] or '-'}")
    if row["redriven_from"]:
        print(f"refused again: it was dead letter {row['redriven_from']} before")
    if row["redriven_at_ms"]:
        print(f"redriven at {local(row['redriven_at_ms'])}")
    print(f"\n{row['detail'].rstrip()}\n")
    print(f"{len(raw)} bytes:\n{raw.decode('utf-8', 'backslashreplace')}")


@app.command()
@failing
def redrive(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]")] = None,
    *,
    reason: Annotated[
        str, typer.Option(help="All with this reason that were not redriven yet, instead of ids.")
    ] = "",
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
    query = {"reason": reason, "redriven": "false"}
    rows = api.rows("/api/v1/dead-letters", "dead_letters", query) if reason else ()
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
