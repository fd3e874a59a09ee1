"""The board of the demo: how so many raw alerts became so few pages, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.cli.output import (
    RESULT_STYLE,
    SEVERITY_STYLE,
    STATUS_MARK,
    STATUS_STYLE,
    first,
    safe,
    styled,
)
from pipeline.cli.times import clock, span

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pipeline.app.demo import Scene
    from pipeline.domain.incident import Incident
    from pipeline.domain.notification import Receipt

WIDTH_MAX: Final = 132
FIXED_ROWS: Final = 13
"""Rows of the board that are neither incidents nor pages."""

PAGES_SHOWN: Final = 6
TITLE_WIDTH: Final = 28
TOLD_WIDTH: Final = 32
KIND_WIDTH: Final = 23
WIDE: Final = 100
"""In fewer columns it is not said what held an incident together."""

GRID: Final = (6, 1, 5, 1, 7)
"""Shares of the columns of the panel of numbers."""

BLOCKS: Final = "▁▂▃▄▅▆▇█"
FLAPPING: Final = "correlate.flapping"
NOBODY: Final = "route.nobody"
RISK_SHOWN_MIN: Final = 0.1


def board(scene: Scene, pulse: list[int], columns: int, height: int = 0) -> RenderableType:
    """The whole board in so many columns; with a `height` it is cut to so many rows, the latest
    staying.
    """
    from rich.console import Group

    width = min(columns, WIDTH_MAX)
    room = max(height - FIXED_ROWS, 6) if height else len(scene.incidents) + PAGES_SHOWN
    pages = [one for one in scene.receipts if one.action == "trigger"][:PAGES_SHOWN]
    return Group(
        numbers(scene, pulse, width),
        "",
        _incidents(scene, max(room - min(len(pages), room // 3), 3), width),
        "",
        _pages(scene, pages[: max(room // 3, 2)] if height else pages),
    )


def numbers(scene: Scene, pulse: list[int], width: int = WIDTH_MAX) -> RenderableType:
    """N raw alerts → M incidents → K pages, the pulse of the storm, and how fast pages went."""
    from rich import box
    from rich.panel import Panel
    from rich.table import Table

    grid = Table.grid(expand=True)
    for ratio in GRID:
        grid.add_column(justify="center", ratio=ratio, no_wrap=True)
    arrow = "[dim]━━▶[/]"
    grid.add_row(
        f"[bold cyan]{scene.raw:,}[/]",
        arrow,
        f"[bold yellow]{len(scene.incidents)}[/]",
        arrow,
        f"[bold red]{scene.pages}[/]",
    )
    grid.add_row("raw alerts", "", "incidents", "", "pages")
    grid.add_row(f"[cyan]{spark(pulse)}[/]", "", _by_status(scene), "", _speed(scene))
    title = "[bold]Tocsin[/] [dim]the alarm bell that rings once[/]"
    state = "[green]the storm is over[/]" if scene.is_over else "a recorded storm plays"
    return Panel(
        grid,
        title=title,
        subtitle=f"{state} [dim]{scene.elapsed_s:.0f} s[/]",
        box=box.ROUNDED,
        border_style="green" if scene.is_over else "cyan",
        width=width,
    )


def spark(pulse: list[int], width: int = 24) -> str:
    """The last so many counts as a row of blocks."""
    shown = pulse[-width:] or [0]
    most = max(*shown, 1)
    return "".join(BLOCKS[count * (len(BLOCKS) - 1) // most] for count in shown)


def _by_status(scene: Scene) -> str:
    open_count = sum(one.is_open for one in scene.incidents)
    muted = sum(bool(one.routing.muted_by) for one in scene.incidents)
    return f"[dim]{open_count} open, {muted} muted[/]"


def _speed(scene: Scene) -> str:
    if not scene.took_ms:
        return "[dim]nobody was woken yet[/]"
    ways = sorted(scene.took_ms)
    half = span(ways[len(ways) // 2])
    return f"[dim]after {half}, at most {span(ways[-1])}[/]"


def _incidents(scene: Scene, rows: int, width: int) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False, width=width
    )
    table.add_column("", width=1)
    table.add_column("incident", no_wrap=True, width=TITLE_WIDTH)
    table.add_column("severity", no_wrap=True, width=8)
    table.add_column("alerts", no_wrap=True, width=6, justify="right")
    is_wide = width >= WIDE
    told_width, told_ratio = (TOLD_WIDTH, None) if is_wide else (None, 1)
    table.add_column("told", no_wrap=True, width=told_width, ratio=told_ratio)
    if is_wide:
        table.add_column("because", no_wrap=True, ratio=1)
        table.add_column("is", no_wrap=True, width=KIND_WIDTH)
    paged = [one for one in scene.incidents if one.routing.deliveries]
    quiet = [one for one in scene.incidents if not one.routing.deliveries]
    hidden = max(len(paged) + len(quiet) - rows, 0)
    for one in [*paged, *quiet[hidden:]][:rows]:
        cells = [
            styled(one.status, STATUS_STYLE).replace(one.status, STATUS_MARK[one.status]),
            safe(first(one.title, TITLE_WIDTH)),
            styled(one.severity, SEVERITY_STYLE),
            str(one.alert_count),
            told(one, scene.routes),
            f"[dim]{safe(gathered(one))}{risk(one)}[/]",
            safe(first(one.classification.category.label, KIND_WIDTH)),
        ]
        table.add_row(*cells[: len(table.columns)])
    return table


def risk(incident: Incident) -> str:
    """How likely its service is to have an incident soon, where that is worth a look."""
    chance = incident.risk.chance
    return f"; risk {chance:.0%}" if incident.is_open and chance >= RISK_SHOWN_MIN else ""


def gathered(incident: Incident) -> str:
    """What held its alerts together, in one line."""
    if any(line.reason == FLAPPING for line in incident.reasons):
        return "it flaps: told once, held until calm"
    if len(incident.services) > 1:
        return "dependency: " + " ← ".join(incident.services)
    if incident.alert_count > 1:
        return f"one group, {incident.rule}"
    return incident.rule


def told(incident: Incident, routes: dict[str, str]) -> str:
    """Who was told, or what kept it from everybody, as rich markup."""
    routing = incident.routing
    if routing.muted_by:
        by = routing.muted_by[0].removeprefix("muted by ")
        # `inhibited by <incident> (inhibition <name>)`: the name says more than the id.
        named = by[by.index("(") + 1 : -1] if by.endswith(")") else by
        return f"[magenta]muted[/] by {safe(named)}"
    if routing.deliveries:
        last = routing.deliveries[-1]
        words = {"trigger": "paged", "resolve": "paged, and resolved"}
        style = "green" if last.action == "resolve" else "bold red"
        return f"[{style}]{words.get(last.action, last.action)}[/] {safe(last.receiver)}"
    path = next((r.facts["path"] for r in incident.reasons[::-1] if r.reason == NOBODY), "")
    matched = safe(routes.get(path, path))
    return f"[dim]nobody: {matched}[/]" if matched else "[dim]nobody[/]"


def _pages(scene: Scene, pages: list[Receipt]) -> RenderableType:
    from rich import box
    from rich.table import Table

    titles = {one.incident_id: one.title for one in scene.incidents}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for name in ("page at", "receiver", "incident", "receipt"):
        table.add_column(name, no_wrap=True)
    table.add_column("took", justify="right", no_wrap=True)
    for one in pages[::-1]:
        table.add_row(
            clock(one.at_ms).partition(".")[0],
            safe(one.receiver),
            safe(first(titles.get(one.incident_id, one.incident_id), TITLE_WIDTH)),
            styled(one.result, RESULT_STYLE),
            span(one.at_ms - one.received_at_ms),
        )
    return table
