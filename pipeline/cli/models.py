"""`tocsin models`: what is learned, how good it is now, and why it said what it said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline.cli.failing import failing
from pipeline.cli.lazy import group
from pipeline.cli.options import Data, Json, Url

if TYPE_CHECKING:
    from rich.console import Console

app = group("Models: what is learned of incidents, and how sure one is.")

HEADS: Final = (
    "category", "severity", "urgency", "impact", "team", "noise", "self_resolving",
)  # fmt: skip
_CHANCES: Final = {"noise": "noise_chance", "self_resolving": "self_resolving_chance"}
_BY_MODEL: Final = "classify.model"


@app.command("list")
@failing
def list_(*, url: Url = "", data: Data = None, as_json: Json = False) -> None:
    """List models with their quality, on about the last 2,000 outcomes not yet learned."""
    from pipeline.cli.api import running
    from pipeline.cli.output import console, emit_json, safe

    found = running(url, data).get("/api/v1/models")
    if as_json:
        emit_json(found)
        return
    if not found["models"]:
        print("no model has a snapshot yet: rules decide until 500 outcomes are there")
        return
    shown = console()
    for model in found["models"]:
        before = f", before it {safe(model['before'])}" if model["before"] else ""
        shown.print(
            f"[bold]{safe(model['model'])}[/] {safe(model['version'])}{before}"
            f"  [dim]{model['learned_count']:,} outcomes, {model['size_bytes']:,} bytes,"
            f" {safe(model['kind'])}[/]"
        )
        shown.print(_qualities(model["qualities"]))


def _qualities(qualities: list[dict[str, Any]]) -> Any:
    from pipeline.cli.output import plain_table, safe

    table = plain_table("head", "outcomes", "accuracy", "log loss", "off by", "PR-AUC", "drifts")
    for one in qualities:
        table.add_row(
            safe(one["head"].replace("_", "-")),
            f"{one['outcomes_count']:,}",
            _share(one["accuracy"]),
            _figure(one["log_loss"]),
            _figure(one["calibration_error"]),
            _figure(one["pr_auc"]),
            str(one["drifts_count"]),
        )
    return table


@app.command()
@failing
def explain(
    incident_id: Annotated[str, typer.Argument(metavar="ID", help="As `tocsin incidents` has it.")],
    *,
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show how an incident was classified: per head the label, who decided, on what evidence.

    Exit codes: 0 shown, 1 there is no such incident.
    """
    from pipeline.cli.api import running, segment
    from pipeline.cli.output import console, emit_json, safe

    whole = running(url, data).get(f"/api/v1/incidents/{segment(incident_id)}")
    if as_json:
        emit_json({"incident_id": whole["incident_id"], **whole["classification"]})
        return
    shown = console()
    shown.print(f"[bold]{safe(whole['title'])}[/]  [dim]{whole['incident_id']}[/]")
    show_classification(shown, whole["classification"])


def show_classification(shown: Console, made: dict[str, Any]) -> None:
    """A table of all heads, or why there is none."""
    from pipeline.cli.output import plain_table, safe
    from pipeline.cli.times import clock

    if not made["version"]:
        shown.print("  it was not classified")
        return
    shown.print(f"  [dim]decided {clock(made['decided_at_ms'])} by {safe(made['version'])}[/]")
    table = plain_table("", "label", "by", "sure", "candidates", "evidence")
    for head in HEADS:
        one = made[head]
        is_model = one["reason"] == _BY_MODEL
        evidence = [
            f"{each['feature']} {each['weight']:+.2f}" if is_model else each["feature"]
            for each in one["evidence"]
        ]
        chance = made.get(_CHANCES.get(head, ""), -1)
        table.add_row(
            head.replace("_", "-"),
            safe(one["label"] or "?"),
            safe(one["reason"].partition(".")[2]),
            f"{one['confidence']:.0%}" if is_model else f"yes {chance:.0%}" if chance >= 0 else "",
            safe(", ".join(one["candidates"])),
            f"[dim]{safe(', '.join(evidence))}[/]",
        )
    shown.print(table)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
