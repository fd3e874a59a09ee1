"""`tocsin incidents`: the list, once or for as long as somebody looks."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline.cli.failing import failing
from pipeline.cli.options import TIME_HELP, Data, Json, Url

if TYPE_CHECKING:
    from rich.table import Table

    from pipeline.cli.api import Api

WATCH_S: Final = 2.0
TITLE_WIDTH: Final = 60
LATE: Final = "not delivered yet"
LATE_MS: Final = 10_000
"""A notification without a receipt for so long is more than on its way: its calls fail."""

STATUSES: Final = ("open", "triggered", "acknowledged", "resolved")


@failing
def incidents(
    *,
    status: Annotated[
        str, typer.Option(help="open, triggered, acknowledged, resolved or any.")
    ] = "open",
    severity: Annotated[str, typer.Option(help="critical, error …; several with commas.")] = "",
    service: Annotated[str, typer.Option(help="Incidents that concern this service.")] = "",
    muted: Annotated[
        bool | None, typer.Option("--muted/--not-muted", help="Only those that are, or are not.")
    ] = None,
    words: Annotated[str, typer.Option("-q", "--words", help="All of these words occur.")] = "",
    since: Annotated[str, typer.Option(help=f"Opened since: {TIME_HELP}.")] = "",
    until: Annotated[str, typer.Option(help=f"Opened before: {TIME_HELP}.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest.")] = 50,
    watch: Annotated[bool, typer.Option("--watch", help="Keep looking until Ctrl-C.")] = False,
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List incidents, the latest first. With --watch and --json: a line for each change.

    Exit codes: 0 also when there is none, 1 no Tocsin answers.
    """
    from pipeline.cli import times
    from pipeline.cli.api import running
    from pipeline.cli.output import chosen
    from pipeline.domain.alert import SEVERITIES

    now = times.now_ms()
    query = {
        "status": chosen("--status", status, STATUSES),
        "severity": chosen("--severity", severity, SEVERITIES),
        "service": service,
        "muted": "" if muted is None else str(muted).lower(),
        "q": words,
        "since": times.past_ms(since, now) if since else "",
        "until": times.past_ms(until, now) if until else "",
    }
    api = running(url, data)
    if watch:
        _watch(api, query, limit, as_json)
    else:
        _show(list(api.rows("/api/v1/incidents", "incidents", query, limit)), as_json)


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    from pipeline.cli.output import console, emit_json
    from pipeline.cli.times import now_ms

    if as_json:
        emit_json({"incidents": rows})
    elif not rows:
        print("no incidents")
    else:
        console().print(table(rows, now_ms()))


def _watch(api: Api, query: dict[str, Any], limit: int, as_json: bool) -> None:
    try:
        if as_json or not sys.stdout.isatty():
            _watch_lines(api, query, limit, as_json)
        else:
            _watch_live(api, query, limit)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _watch_lines(api: Api, query: dict[str, Any], limit: int, as_json: bool) -> None:
    from pipeline.cli.output import emit_line
    from pipeline.cli.times import clock

    known: dict[str, int] = {}
    while True:
        rows = list(api.rows("/api/v1/incidents", "incidents", query, limit))
        for row in rows[::-1]:
            if known.get(row["incident_id"]) == row["version"]:
                continue
            if as_json:
                emit_line(row)
            else:
                facts = f"{row['status']} {row['severity']} {row['title']}"
                print(f"{clock(row['updated_at_ms'])} {row['incident_id']} {facts}", flush=True)
        # Only what is listed now is remembered, so that this does not grow.
        known = {row["incident_id"]: row["version"] for row in rows}
        time.sleep(WATCH_S)


def _watch_live(api: Api, query: dict[str, Any], limit: int) -> None:
    from rich.live import Live

    from pipeline.cli.output import console
    from pipeline.cli.times import now_ms

    shown = console()
    with Live(console=shown, auto_refresh=False, screen=True) as live:
        while True:
            most = min(limit, max(shown.height - 4, 1))
            rows = list(api.rows("/api/v1/incidents", "incidents", query, most))
            live.update(table(rows, now_ms()), refresh=True)
            time.sleep(WATCH_S)


def table(rows: list[dict[str, Any]], now: int) -> Table:
    """Incidents as the API gives them, as a table."""
    from pipeline.cli.output import (
        SEVERITY_STYLE,
        STATUS_MARK,
        STATUS_STYLE,
        first,
        plain_table,
        safe,
        styled,
    )
    from pipeline.cli.times import span

    made = plain_table("", "id", "severity", "title", "alerts", "opened", "told")
    for row in rows:
        firing, alerts, events = row["firing_count"], row["alert_count"], row["event_count"]
        made.add_row(
            styled(row["status"], STATUS_STYLE).replace(
                row["status"], STATUS_MARK.get(row["status"], "?")
            ),
            row["incident_id"],
            styled(row["severity"], SEVERITY_STYLE),
            safe(first(row["title"], TITLE_WIDTH)),
            f"{firing}/{alerts} [dim]of {events}[/]",
            f"{span(max(now - row['opened_at_ms'], 0))} ago",
            told(row),
        )
    return made


def told(row: dict[str, Any]) -> str:
    """Whom an incident was told to, or why nobody, as rich markup."""
    from pipeline.cli.output import RESULT_STYLE, safe, styled

    routing = row["routing"]
    parts = [
        f"{safe(one['receiver'])}"
        f" {styled(one['result'] or waiting(one['notified_at_ms']), RESULT_STYLE)}"
        for one in routing["deliveries"]
    ]
    if routing["muted_by"]:
        parts.append(f"[magenta]{safe(', '.join(routing['muted_by']))}[/]")
    if any(held["reason"] == "route.paused" for held in routing.get("held", ())):
        parts.append("[magenta]held back as quiet[/]")
    return ", ".join(parts) or "[dim]nobody[/]"


def waiting(since_ms: int) -> str:
    """How a notification without a receipt stands."""
    from pipeline.cli.times import now_ms

    return LATE if now_ms() - since_ms > LATE_MS else "on its way"
