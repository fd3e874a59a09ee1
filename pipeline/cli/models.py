"""`tocsin models`: what is learned, how good it is now, and why it said what it said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline.cli.failing import failing
from pipeline.cli.lazy import group
from pipeline.cli.options import Author, Data, Json, Url

if TYPE_CHECKING:
    from rich.console import Console

app = group("Models: what is learned of incidents, and how sure one is.")

HEADS: Final = (
    "category", "severity", "urgency", "impact", "team", "noise", "self_resolving",
)  # fmt: skip
Model = Annotated[str, typer.Argument(metavar="MODEL", help="As `tocsin models list` has it.")]
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
def diff(model: Model, *, url: Url = "", data: Data = None, as_json: Json = False) -> None:
    """Compare a model with its snapshot before, and with its shadow.

    Exit codes: 0 shown, 1 there is no such model.
    """
    from pipeline.cli.api import running
    from pipeline.cli.output import console, emit_json, safe, warn

    found = {one["model"]: one for one in running(url, data).get("/api/v1/models")["models"]}
    if model not in found:
        warn(f"tocsin: no model {model} has a snapshot; there are {', '.join(found) or 'none'}")
        raise typer.Exit(1)
    now, shadow = found[model], found.get(f"{model}~shadow")
    sides = {f"now {now['version']}": now["qualities"]}
    if now["before"]:
        sides = {f"before {now['before']}": now["qualities_before"], **sides}
    if shadow:
        sides[f"shadow {shadow['version']}"] = shadow["qualities"]
    if as_json:
        emit_json({"model": model, "sides": sides})
        return
    shown = console()
    shown.print(f"[bold]{safe(model)}[/]  [dim]on about 2,000 outcomes not yet learned[/]")
    shown.print(sides_table(sides))


def sides_table(sides: dict[str, list[dict[str, Any]]]) -> Any:
    """A row for each head and figure, a column for each side."""
    from pipeline.cli.output import plain_table, safe

    table = plain_table("head", "figure", *map(safe, sides))
    for head in dict.fromkeys(one["head"] for side in sides.values() for one in side):
        known = [
            next((one for one in side if one["head"] == head), None) for side in sides.values()
        ]
        if not any(one and one["outcomes_count"] for one in known):
            continue
        for name, figure, shape in _FIGURES:
            table.add_row(
                safe(head.replace("_", "-")),
                name,
                *(shape(one[figure]) if one else "" for one in known),
            )
    return table


@app.command()
@failing
def rollback(
    model: Model, *, by: Author = "", url: Url = "", data: Data = None, as_json: Json = False
) -> None:
    """Judge by the snapshot before again, and learn on from there.

    Exit codes: 0 done, 1 refused.
    """
    _order("rollback", model, by, url, data, as_json=as_json)


@app.command()
@failing
def shadow(
    model: Model,
    *,
    end: Annotated[bool, typer.Option("--end", help="End the shadow that there is.")] = False,
    by: Author = "",
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Let a fresh model learn beside this one and decide nothing.

    Exit codes: 0 done, 1 refused.
    """
    _order("unshadow" if end else "shadow", model, by, url, data, as_json=as_json)


@app.command()
@failing
def promote(
    model: Model, *, by: Author = "", url: Url = "", data: Data = None, as_json: Json = False
) -> None:
    """Let the shadow decide in the model's place; a rollback undoes it.

    Exit codes: 0 done, 1 refused.
    """
    _order("promote", model, by, url, data, as_json=as_json)


def _order(order: str, model: str, by: str, url: str, data: Path | None, *, as_json: bool) -> None:
    from pipeline.cli.api import Refusal, running, segment
    from pipeline.cli.orders import author
    from pipeline.cli.output import emit_json, warn

    try:
        answer = running(url, data).post(
            f"/api/v1/models/{segment(model)}/{order}", {"author": by or author()}
        )
    except Refusal as refusal:
        if as_json:
            emit_json({"result": "refused", **refusal.problem})
        else:
            warn(f"tocsin: {refusal}")
        raise typer.Exit(1) from None
    if as_json:
        emit_json(answer)
    else:
        print(answer.get("text") or f"asked for a {order} of {model}")


@app.command()
@failing
def explain(
    incident_id: Annotated[str, typer.Argument(metavar="ID", help="As `tocsin incidents` has it.")],
    *,
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show how an incident was classified: per head the label, who decided, on what evidence; and
    how likely its service is to have one soon.

    Exit codes: 0 shown, 1 there is no such incident.
    """
    from pipeline.cli.api import running, segment
    from pipeline.cli.output import console, emit_json, safe

    whole = running(url, data).get(f"/api/v1/incidents/{segment(incident_id)}")
    if as_json:
        emit_json(
            {"incident_id": whole["incident_id"], **whole["classification"], "risk": whole["risk"]}
        )
        return
    shown = console()
    shown.print(f"[bold]{safe(whole['title'])}[/]  [dim]{whole['incident_id']}[/]")
    show_classification(shown, whole["classification"])
    show_risk(shown, whole)


def show_risk(shown: Console, whole: dict[str, Any]) -> None:
    """How likely its service is to have an incident; nothing where none is known, or it is over."""
    from pipeline.cli.output import safe
    from pipeline.cli.times import clock, span

    risk = whole["risk"]
    if risk["chance"] < 0 or whole["status"] == "resolved":
        return
    why = ", ".join(f"{each['feature']} {each['weight']:+.2f}" for each in risk["evidence"])
    shown.print(
        f"\n[bold]Risk[/]  {safe(whole['service'])} has an incident within "
        f"{span(risk['horizon_ms'])} with a chance of [bold]{risk['chance']:.0%}[/]"
    )
    shown.print(f"  [dim]asked {clock(risk['at_ms'])} of {safe(risk['version'])}: {safe(why)}[/]")


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


_FIGURES: Final = (
    ("outcomes", "outcomes_count", str),
    ("accuracy", "accuracy", _share),
    ("log loss", "log_loss", _figure),
    ("off by", "calibration_error", _figure),
    ("PR-AUC", "pr_auc", _figure),
)
