"""`tocsin silence`: mute alerts, see what is muted, and end it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pipeline.cli.failing import failing
from pipeline.cli.lazy import group
from pipeline.cli.options import Author, Data, Json, Url

app = group("Mute alerts: silences of people and maintenances of the calendar.")

STATES = ("pending", "active", "expired")

Matchers = Annotated[
    list[str],
    typer.Argument(metavar="MATCHER...", help="""As service="db" or severity=~"info|warning"."""),
]
For = Annotated[
    str, typer.Option("--for", help="How long, such as 2h; of a maintenance: each time.")
]
From = Annotated[str, typer.Option("--from", help="Begins then; else now.")]
Until = Annotated[str, typer.Option("--until", help="Ends then: 18:00 or RFC 3339.")]
Rrule = Annotated[str, typer.Option(help="RFC 5545, as FREQ=WEEKLY;BYDAY=SU: a maintenance.")]
Zone = Annotated[str, typer.Option(help="Time zone of the rule, as Europe/Berlin.")]
Tenant = Annotated[str, typer.Option(help="Whose alerts, for operators.")]


@app.command()
@failing
def add(
    matchers: Matchers,
    *,
    for_: For = "",
    from_: From = "",
    until: Until = "",
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    rrule: Rrule = "",
    time_zone: Zone = "UTC",
    tenant: Tenant = "",
    by: Author = "",
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Mute what all matchers match, from now for --for, or with --rrule again and again."""
    from pipeline.cli.api import running
    from pipeline.cli.output import emit_json

    body = _body(matchers, for_, from_, until, comment, rrule, time_zone, tenant, by)
    made = running(url, data).post("/api/v1/silences", body)
    if as_json:
        emit_json(made)
    else:
        print(f"{made['silence_id']} {_when(made)}")


def _when(made: dict[str, Any]) -> str:
    """When a silence mutes, as the rest of a sentence that begins with its id."""
    from pipeline.cli.times import local

    if not made["rrule"]:
        return f"mutes until {local(made['ends_at_ms'])}"
    begins = made["next_start_ms"]
    first = f"mutes next from {local(begins)} to {local(begins + made['duration_ms'])}"
    return f"{first}; its rule ends at {local(made['ends_at_ms'])}"


@app.command()
@failing
def preview(
    matchers: Matchers,
    *,
    for_: For = "1h",
    from_: From = "",
    until: Until = "",
    rrule: Rrule = "",
    time_zone: Zone = "UTC",
    tenant: Tenant = "",
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show which open incidents a silence would mute. Nothing is written."""
    from pipeline.cli.api import running
    from pipeline.cli.output import counted, emit_json
    from pipeline.cli.times import local

    body = _body(matchers, for_, from_, until, "", rrule, time_zone, tenant, "")
    found = running(url, data).post("/api/v1/silences/preview", body)
    if as_json:
        emit_json(found)
        return
    print(
        f"would mute {counted(found['muted_count'], 'open incident')},"
        f" {found['partly_count']} partly"
    )
    for key, word in (("muted", "mutes "), ("partly", "partly")):
        for incident_id in found[key]:
            print(f"  {word} {incident_id}")
    for window in found["windows"]:
        print(f"  window {local(window['start_ms'])} to {local(window['end_ms'])}")


@app.command("list")
@failing
def list_(
    *,
    state: Annotated[
        str, typer.Option(help="pending, active, expired (several with commas), or any.")
    ] = "pending,active",
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List silences and maintenances."""
    from pipeline.cli.api import running
    from pipeline.cli.output import chosen, console, emit_json, plain_table, safe
    from pipeline.cli.times import local, now_ms, span

    query = {"state": chosen("--state", state, STATES)}
    rows = list(running(url, data).rows("/api/v1/silences", "silences", query))
    if as_json:
        emit_json({"silences": rows})
        return
    if not rows:
        print("no silences")
        return
    now = now_ms()
    table = plain_table("id", "state", "matchers", "from", "until", "by", "comment")
    for row in rows:
        begins = row["next_start_ms"] - now
        recurs = f" [dim]({safe(row['rrule'])})[/]" if row["rrule"] else ""
        table.add_row(
            row["silence_id"],
            f"in {span(begins)}" if row["state"] == "pending" and begins > 0 else row["state"],
            safe(" ".join(row["matchers"])) + recurs,
            local(row["next_start_ms"] or row["starts_at_ms"]),
            local(row["ends_at_ms"]),
            safe(row["created_by"]),
            safe(row["comment"]),
        )
    console().print(table)


@app.command()
@failing
def expire(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Silences, by their ids.")],
    *,
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """End silences now."""
    from pipeline.cli.api import running, segment
    from pipeline.cli.output import emit_json

    api = running(url, data)
    ended: list[Any] = []
    for silence_id in ids:
        ended.append(api.post(f"/api/v1/silences/{segment(silence_id)}/expire", {}))
        if not as_json:
            print(f"{silence_id} mutes no longer")
    if as_json:
        emit_json({"silences": ended})


def _body(
    matchers: list[str],
    for_: str,
    from_: str,
    until: str,
    comment: str,
    rrule: str,
    time_zone: str,
    tenant: str,
    by: str,
) -> dict[str, Any]:
    from pipeline.cli import times
    from pipeline.cli.orders import author
    from pipeline.domain.errors import UsageError

    now = times.now_ms()
    if not (for_ or until):
        raise UsageError("a silence needs an end: say --for 2h or --until 18:00")
    if rrule and not (for_ and until):
        raise UsageError("a maintenance needs --for (each time) and --until (the last one)")
    if for_:
        times.duration_ms(for_)
    return {
        "matchers": matchers,
        "starts_at": times.rfc3339(times.coming_ms(from_, now)) if from_ else "",
        "ends_at": times.rfc3339(times.coming_ms(until, now)) if until else "",
        "duration": for_ if rrule or not until else "",
        "comment": comment,
        "created_by": by or author(),
        "rrule": rrule,
        "time_zone": time_zone,
        "tenant": tenant,
    }
