"""`tocsin graph`: which alarm usually comes before which, as a list and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from pipeline.cli.failing import failing
from pipeline.cli.options import Data, Json, Url

SHOWN_MAX: Final = 40


@failing
def graph(
    scope: Annotated[
        str, typer.Argument(metavar="[SCOPE]", help="A scope as `tocsin incident` shows it.")
    ] = "",
    *,
    indirect: Annotated[
        bool, typer.Option("--all", help="What comes before through another alarm, too.")
    ] = False,
    svg: Annotated[Path | None, typer.Option(help="Draw the graph into this file.")] = None,
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show which alarms usually come before which, learned per scope.

    Exit codes: 0 shown, 1 nothing is known (of that scope).
    """
    from pipeline.cli.api import running
    from pipeline.cli.output import emit_json, warn

    asked = f"?scope={quote(scope, safe='')}" if scope else ""
    graphs = running(url, data).get(f"/api/v1/graphs{asked}")["graphs"]
    if not indirect:
        for one in graphs:
            one["links"] = [link for link in one["links"] if link["is_direct"]]
    if as_json:
        emit_json({"graphs": graphs})
    if not any(one["links"] for one in graphs):
        where = f" in the scope {scope}" if scope else ""
        warn(f"tocsin: nothing is known yet to come before anything{where}: alarms teach it")
        raise typer.Exit(1)
    if svg is not None:
        from pipeline.cli.graph_picture import svg as drawn

        svg.write_text(drawn([(_title(one), one["links"]) for one in graphs]), encoding="utf-8")
    if not as_json:
        _show(graphs)


def _show(graphs: list[dict[str, Any]]) -> None:
    from pipeline.cli.output import console, plain_table, safe
    from pipeline.cli.times import local, span

    shown = console()
    for one in graphs:
        shown.print(f"[bold]{safe(_title(one))}[/]  [dim]as of {local(one['at_ms'])}[/]")
        table = plain_table("usually first", "", "then", "after", "of its times", "strength")
        for link in one["links"][:SHOWN_MAX]:
            table.add_row(
                safe(link["cause"]),
                "→" if link["is_direct"] else "[dim]⇢[/]",
                safe(link["effect"]),
                span(link["usual_ms"]),
                f"{link['share']:.0%}",
                f"{link['strength']:.1f}",
            )
        shown.print(table)
        if len(one["links"]) > SHOWN_MAX:
            shown.print(f"[dim]and {len(one['links']) - SHOWN_MAX} more: --json has them[/]")


def _title(one: dict[str, Any]) -> str:
    values = " ".join(value for value in one["values"] if value)
    return f"{values or 'the scope without labels'} ({one['tenant']}, {one['scope_id']})"
