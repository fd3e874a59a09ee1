"""`tocsin incident ID`: one incident, and every decision that made it what it is."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline.cli.failing import failing
from pipeline.cli.options import Data, Json, Url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

ALERTS_SHOWN: Final = 12
EVIDENCE_LEFT_OUT: Final = frozenset({"name", "because", "receiver", "path"})
"""Facts that a reason's sentence says already."""

STAGE_STYLE: Final = {
    "correlate": "cyan", "sense": "bright_cyan", "classify": "yellow", "foresee": "bright_yellow",
    "route": "magenta", "enrich": "blue", "send": "green",
}  # fmt: skip


@failing
def incident(
    incident_id: Annotated[str, typer.Argument(metavar="ID", help="As `tocsin incidents` has it.")],
    *,
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show one incident: its alerts, which rule and evidence, what muted it, who was told.

    Exit codes: 0 shown, 1 there is no such incident.
    """
    from pipeline.cli.api import running, segment
    from pipeline.cli.models import show_classification, show_risk
    from pipeline.cli.output import console, emit_json

    whole = running(url, data).get(f"/api/v1/incidents/{segment(incident_id)}")
    if as_json:
        emit_json(whole)
        return
    shown = console()
    _head(shown, whole)
    _alerts(shown, whole)
    _unusual(shown, whole)
    _preceded(shown, whole)
    shown.print("\n[bold]Classification[/]")
    show_classification(shown, whole["classification"])
    show_risk(shown, whole)
    _decisions(shown, whole)
    _told(shown, whole)
    _timeline(shown, whole)


def _head(shown: Console, whole: dict[str, Any]) -> None:
    from pipeline.cli.output import SEVERITY_STYLE, STATUS_STYLE, safe, styled
    from pipeline.cli.times import local

    shown.print(f"[bold]{safe(whole['title'])}[/]")
    shown.print(
        f"{styled(whole['status'], STATUS_STYLE)}  {styled(whole['severity'], SEVERITY_STYLE)}"
        f"  [dim]{whole['incident_id']}[/]"
    )
    facts = [
        ("opened", local(whole["opened_at_ms"])),
        ("services", ", ".join(whole["services"])),
        ("group", f"{whole['group_key']} (rule {whole['rule'] or 'none'})"),
        ("scope", whole["scope_id"]),
        ("owner", whole["assigned_to"] or whole["acknowledged_by"]),
        ("snoozed", local(whole["snoozed_until_ms"]) if whole["snoozed_until_ms"] else ""),
        ("held back", held_back(whole)),
        ("resolved", _resolved(whole)),
        ("merged into", whole["merged_into"]),
        ("took in", ", ".join(whole["merged_from"])),
        ("known as", ", ".join(whole["dedup_keys"])),
    ]
    for name, value in facts:
        if value:
            shown.print(f"  [dim]{name:<12}[/]{safe(value)}")
    if whole["description"]:
        shown.print(f"\n  {safe(whole['description'])}")


def _resolved(whole: dict[str, Any]) -> str:
    from pipeline.cli.times import local

    if not whole["resolved_at_ms"]:
        return ""
    by = f" by {whole['resolved_by']}" if whole["resolved_by"] else ""
    return local(whole["resolved_at_ms"]) + by


def held_back(whole: dict[str, Any]) -> str:
    """Until when it is or was held back as quiet, and what ends that; "" where it never was."""
    from pipeline.cli.times import local

    routing = whole["routing"]
    if not routing["paused_until_ms"]:
        return ""
    is_held = any(held["reason"] == "route.paused" for held in routing["held"])
    hint = f"; `tocsin page {whole['incident_id']}` ends it" if is_held else ""
    return f"until {local(routing['paused_until_ms'])}{hint}"


def _alerts(shown: Console, whole: dict[str, Any]) -> None:
    from pipeline.cli.output import (
        SEVERITY_STYLE,
        STATUS_STYLE,
        counted,
        plain_table,
        safe,
        styled,
    )
    from pipeline.cli.times import local

    count, events = whole["alert_count"], whole["event_count"]
    received = f"received {counted(events, 'time')}"
    shown.print(f"\n[bold]Alerts[/]  {whole['firing_count']} of {count} fire; {received}")
    table = plain_table("", "severity", "name", "service", "instance", "since", "fingerprint")
    for alert in whole["alerts"][:ALERTS_SHOWN]:
        table.add_row(
            styled(alert["status"], STATUS_STYLE),
            styled(alert["severity"], SEVERITY_STYLE),
            safe(alert["name"]),
            safe(alert["service"]),
            safe(alert["instance"]),
            local(alert["starts_at_ms"]) if alert["starts_at_ms"] else "",
            f"[dim]{alert['fingerprint']}[/]",
        )
    shown.print(table)
    if count > ALERTS_SHOWN:
        shown.print(f"  [dim]… and {count - ALERTS_SHOWN} more; --json lists some of them[/]")


def _unusual(shown: Console, whole: dict[str, Any]) -> None:
    """What its alerts do that they did not before; nothing where there is none."""
    from pipeline.cli.output import plain_table, safe
    from pipeline.cli.times import clock, span

    if not whole["unusual"]:
        return
    shown.print("\n[bold]Unusual[/]")
    table = plain_table("at", "what", "is", "expected", "usual")
    for one in whole["unusual"]:
        is_rate = one["kind"] == "rate"
        within = f" alerts in {span(one['window_ms'])}" if is_rate else ""
        table.add_row(
            clock(one["at_ms"]),
            safe(one["series"]),
            f"[bold]{one['value']:g}[/]{within}",
            f"{one['expected']:.2g}",
            f"{one['low']:.2g} to {one['high']:.2g}",
        )
    shown.print(table)


def _preceded(shown: Console, whole: dict[str, Any]) -> None:
    """What usually comes before its alerts; nothing where nothing is known to."""
    from pipeline.cli.output import safe
    from pipeline.cli.times import span

    if not whole["preceded_by"]:
        return
    shown.print("\n[bold]Usually preceded by[/]")
    for one in whole["preceded_by"]:
        came = f"{span(one['before_ms'])} before" if one["before_ms"] >= 0 else "not"
        shown.print(
            f"  {safe(one['cause'])} [dim]→[/] {safe(one['effect'])}"
            f"  [dim]{span(one['usual_ms'])} before; this time {came}[/]"
        )


def _decisions(shown: Console, whole: dict[str, Any]) -> None:
    """Every reason in its order, with the evidence that its sentence does not say."""
    from pipeline.cli.output import plain_table, safe, styled
    from pipeline.cli.times import clock

    shown.print("\n[bold]Decisions[/]")
    table = plain_table("at", "stage", "why", "evidence")
    for record, count in _folded(whole["audit"] or whole["reasons"]):
        stage, _, word = record["reason"].partition(".")
        said = record["text"]
        evidence = [
            f"{name}={value}"
            for name, value in record["facts"].items()
            if value and name not in EVIDENCE_LEFT_OUT and value not in said
        ]
        table.add_row(
            clock(record["at_ms"]),
            styled(stage, STAGE_STYLE) + f"[dim].{word}[/]",
            safe(said) + (f" [bold]× {count}[/]" if count > 1 else ""),
            f"[dim]{safe(' '.join(evidence))}[/]",
        )
    shown.print(table)
    hashes = sorted({record.get("topology", "") for record in whole["audit"]} - {""})
    if hashes:
        shown.print(f"  [dim]decided under topology {', '.join(hashes)}[/]")


def _folded(records: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], int]]:
    """Records in their order, those that follow each other with one reason for one name folded
    into the last of them, with their count.
    """
    for _, alike in groupby(records, key=lambda one: (one["reason"], one["facts"].get("name"))):
        run = list(alike)
        yield run[-1], len(run)


def _told(shown: Console, whole: dict[str, Any]) -> None:
    from pipeline.cli.incidents import LATE, waiting
    from pipeline.cli.output import RESULT_STYLE, plain_table, safe, styled
    from pipeline.cli.times import clock, span

    routing = whole["routing"]
    if routing["muted_by"]:
        shown.print(f"\n[magenta]{safe(', '.join(routing['muted_by']))}[/]")
    receipts = {receipt["notification_id"]: receipt for receipt in whole["receipts"]}
    shown.print(
        "\n[bold]Notifications[/]" + ("" if whole["notifications"] else "  nobody was told")
    )
    if not whole["notifications"]:
        return
    table = plain_table("at", "receiver", "action", "result", "after", "attempts", "why")
    for one in whole["notifications"]:
        receipt = receipts.get(one["notification_id"])
        after = receipt["at_ms"] - receipt["received_at_ms"] if receipt else 0
        is_first = one["action"] == "trigger" and receipt is not None
        table.add_row(
            clock(one["created_at_ms"]),
            safe(one["receiver"]),
            one["action"],
            styled(receipt["result"] if receipt else waiting(one["created_at_ms"]), RESULT_STYLE),
            span(after) if is_first else "",
            str(receipt["attempts"]) if receipt else "",
            safe((receipt["why"] if receipt else "") or one["why"]),
        )
    shown.print(table)
    late = {
        one["receiver"]
        for one in whole["notifications"]
        if one["notification_id"] not in receipts and waiting(one["created_at_ms"]) == LATE
    }
    if late:
        shown.print(
            f"  not delivered yet to {safe(', '.join(sorted(late)))}: it is tried again;"
            " `tocsin doctor` says whose calls fail"
        )


def _timeline(shown: Console, whole: dict[str, Any]) -> None:
    from pipeline.cli.output import safe
    from pipeline.cli.times import local, span

    shown.print("\n[bold]Timeline[/]")
    former = 0
    for at_ms, what in sorted(_moments(whole), key=lambda one: one[0]):
        pause = f"+{span(at_ms - former)}" if former else ""
        shown.print(f"  {local(at_ms)} [dim]{pause:>9}[/]  {safe(what)}")
        former = at_ms


def _moments(whole: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """What happened when: the milestones of its life, notes, and what receivers answered."""
    if whole["starts_at_ms"]:
        yield whole["starts_at_ms"], "the first alert began, by its own time"
    yield whole["opened_at_ms"], "opened"
    if whole["acknowledged_at_ms"]:
        yield whole["acknowledged_at_ms"], f"acknowledged by {whole['acknowledged_by']}"
    if whole["resolved_at_ms"]:
        by = f" by {whole['resolved_by']}" if whole["resolved_by"] else ""
        yield whole["resolved_at_ms"], f"resolved{by}"
    for note in whole["notes"]:
        yield note["at_ms"], f"{note['author']}: {note['text']}"
    for receipt in whole["receipts"]:
        yield receipt["at_ms"], f"{receipt['receiver']}: {receipt['action']} {receipt['result']}"
