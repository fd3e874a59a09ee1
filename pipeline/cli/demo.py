"""`tocsin run --demo`: the storm on a live board in a terminal, as plain lines elsewhere."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.app.demo import Demo, Scene
from pipeline.cli.board import board
from pipeline.cli.output import console, safe
from pipeline.cli.times import span
from pipeline.domain.errors import StoreError

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.domain.incident import Incident, Judgement

FRAME_S: Final = 0.12
PULSE_S: Final = 1.0
PROGRESS_S: Final = 5.0


async def show(demo: Demo) -> None:
    """Run the demo until a signal, and show what happens. Raises TocsinError."""
    ready, over = asyncio.Event(), asyncio.Event()

    def on_ready(url: str) -> None:
        print(f"ready {url}", flush=True)
        ready.set()

    shown = console()
    watching = asyncio.create_task(_watch(demo, shown, ready, over))
    try:
        await demo.run(on_ready, over.set)
    finally:
        watching.cancel()
        (ended,) = await asyncio.gather(watching, return_exceptions=True)
    # While it stops the view closes before the board does: that is no fault.
    if isinstance(ended, Exception) and not isinstance(ended, StoreError):
        raise ended


async def _watch(demo: Demo, shown: Console, ready: asyncio.Event, over: asyncio.Event) -> None:
    await ready.wait()
    lines = Lines(shown)
    if shown.is_terminal:
        pulse = await _live(demo, shown, over)
        lines.skip(await demo.look())
        shown.print(board(await demo.look(), pulse, shown.width))
    else:
        await _plain(demo, lines, over)
    _farewell(demo, await demo.look(), shown)
    while True:
        await asyncio.sleep(FRAME_S)
        lines.show(await demo.look())


async def _live(demo: Demo, shown: Console, over: asyncio.Event) -> list[int]:
    """The board, drawn again and again until the storm is over; the alerts of each second."""
    from rich.live import Live

    pulse: list[int] = []
    counted = 0
    with Live(console=shown, auto_refresh=False) as live:
        while not over.is_set():
            scene = await demo.look()
            while len(pulse) < scene.elapsed_s / PULSE_S:
                pulse.append(scene.raw - counted)
                counted = scene.raw
            live.update(board(scene, pulse, shown.width, shown.height - 1), refresh=True)
            await asyncio.sleep(FRAME_S)
        # The whole board follows; one that is broken off stays as it was.
        live.transient = True
    return pulse


async def _plain(demo: Demo, lines: Lines, over: asyncio.Event) -> None:
    """A line for each incident and each receipt, and the numbers now and then."""
    said_s = 0.0
    while not over.is_set():
        scene = await demo.look()
        lines.show(scene)
        if scene.elapsed_s - said_s >= PROGRESS_S:
            said_s = scene.elapsed_s
            lines.shown.print(f"{scene.elapsed_s:5.1f} s  {summary(scene)}")
        await asyncio.sleep(FRAME_S)
    lines.show(await demo.look())


class Lines:
    """Says what is new in a scene, each thing once."""

    def __init__(self, shown: Console) -> None:
        self.shown = shown
        self._known: set[tuple[str, str]] = set()

    def skip(self, scene: Scene) -> None:
        """Take all of a scene as said."""
        self._known = {key for key, _ in _news(scene)}

    def show(self, scene: Scene) -> None:
        """Print what has not been said yet."""
        news = list(_news(scene))
        for key, text in news:
            if key not in self._known:
                self.shown.print(text)
        self._known = {key for key, _ in news}


def _news(scene: Scene) -> list[tuple[tuple[str, str], str]]:
    at = f"{scene.elapsed_s:5.1f} s  " if not scene.is_over else ""
    titles = {one.incident_id: one.title for one in scene.incidents}
    found = [
        (
            (one.incident_id, "opened"),
            f"{at}incident  {safe(one.title)} ({one.severity}) {one.incident_id}",
        )
        for one in scene.incidents
    ]
    found += [
        ((one.incident_id, _kind(one)), f"{at}judged    {safe(one.title)}: {safe(_kind(one))}")
        for one in scene.incidents
        if one.classification.version
    ]
    for one in scene.receipts[::-1]:
        took = ""
        if one.action == "trigger":
            took = f", {span(one.at_ms - one.received_at_ms)} after the alert"
        title = safe(titles.get(one.incident_id, one.incident_id))
        text = f"{at}{one.action:<8}  {title} at {safe(one.receiver)}: {one.result}{took}"
        found.append(((one.notification_id, one.result), text))
    return found


def _kind(incident: Incident) -> str:
    """What it was classified to be, with what spoke for it, in one line."""
    made = incident.classification
    shown = (
        ("", made.category),
        ("urgency ", made.urgency),
        ("impact ", made.impact),
        ("for ", made.team),
    )
    parts = [f"{word}{one.label}{_because(one)}" for word, one in shown if one.label]
    return ", ".join(parts) + f" by {made.version}"


def _because(judgement: Judgement) -> str:
    weighed = "; ".join(each.feature for each in judgement.evidence[:2])
    return f" ({weighed})" if weighed else ""


def summary(scene: Scene) -> str:
    """The three numbers in one line."""
    from pipeline.cli.output import counted

    counts = ((scene.raw, "raw alert"), (len(scene.incidents), "incident"), (scene.pages, "page"))
    return " → ".join(counted(count, thing) for count, thing in counts)


def _farewell(demo: Demo, scene: Scene, shown: Console) -> None:
    """What came of it, and what to do next."""
    program = _program()
    url = demo.url
    resolved = sum(not one.is_open for one in scene.incidents)
    refused = f", {scene.refused} bad ones refused" if scene.refused else ""
    shown.print()
    shown.print(f"[bold]{summary(scene)}[/]  [dim]({resolved} resolved{refused})[/]")
    shown.print(f"[dim]recorded with {safe(demo.by)}[/]\n")
    shown.print(f"It keeps serving until Ctrl-C; the board is at [bold]{url}/[/]")
    shown.print("Send the next alert:")
    body = '{"name": "DiskFull", "status": "firing", "severity": "critical", "service": "db"}'
    shown.print(f"  [bold]curl {url}/api/v1/alerts -d '{body}'[/]", soft_wrap=True)
    shown.print("and in another terminal:")
    example = next((one for one in scene.incidents if len(one.services) > 1), None)
    rows = [(f"{program} incidents", "what is open")]
    if example is not None:
        rows.append((f"{program} incident {example.incident_id}", "why it is one incident"))
        rows.append((f"{program} models explain {example.incident_id}", "what it is, and why"))
    rows += [
        *demo.hints,
        (f"{program} dead-letters list", "what was refused, and its bytes"),
        (f"curl {url}/api/v1/stats", "the same over the API"),
        (f"curl {demo.pagerduty_url}/_sim/summary", "what PagerDuty's simulator received"),
    ]
    width = max(len(command) for command, _ in rows)
    for command, says in rows:
        shown.print(f"  {command:<{width}}  [dim]{says}[/]", soft_wrap=True)


def _program() -> str:
    """How this program can be called again from here."""
    path = Path(sys.argv[0])
    if path.name != "tocsin":
        return "tocsin"
    near = os.path.relpath(path)
    return near if len(near) < len(str(path)) else str(path)
