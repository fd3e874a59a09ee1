"""`tocsin routes test`: where labels would lead, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.failing import failing
from pipeline.cli.lazy import group
from pipeline.cli.options import Config, Json

app = group("Ask the routing tree of a topology.yaml.")


@app.command("test")
@failing
def try_labels(
    labels: Annotated[
        list[str],
        typer.Argument(metavar="KEY=VALUE...", help="As severity=critical service=db."),
    ],
    *,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show which receivers these labels lead to, and each route that was looked at."""
    from pipeline.cli.output import console, emit_json, plain_table, safe
    from pipeline.cli.rules import file_of, sound_file
    from pipeline.cli.send import pairs
    from pipeline.stages.route.tree import Tree

    given = pairs(labels)
    tree = Tree(sound_file(file_of(config)).sections["routes"])
    hops, steps = tree.route(given), tree.trace(given)
    if as_json:
        emit_json({"receivers": [hop.receiver for hop in hops], "hops": hops, "steps": steps})
        return
    table = plain_table("route", "receiver", "matched", "because")
    for step in steps:
        table.add_row(
            ("[bold]→[/] " if step.is_taken else "  ") + safe(step.path),
            safe(step.receiver),
            "[green]yes[/]" if step.has_matched else "[dim]no[/]",
            safe(f"not {step.failed}") if step.failed else ("taken" if step.is_taken else ""),
        )
    shown = console()
    shown.print(table)
    shown.print(f"\ntold: [bold]{safe(', '.join(hop.receiver for hop in hops))}[/]")
