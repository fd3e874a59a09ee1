"""A backtest as a picture: the pages of each team over time, as they were and as they would be.

In the terminal two rows of blocks per team, as an SVG two rows of strokes that stands by itself.
Both show columns of equal time, so that their size does not grow with the range.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from pipeline.app.backtest.report import Report, Team, Told

if TYPE_CHECKING:
    from rich.text import Text

BLOCKS: Final = " ▁▂▃▄▅▆▇█"
LANES_MAX: Final = 20
"""Teams that are drawn: those with the most differences; the table has all."""

SHOWN_LANES: Final = 8
"""Teams that are drawn in the terminal."""

WIDTH: Final = 960
LEFT, RIGHT, TOP, BOTTOM = 170, 16, 64, 32
LANE: Final = 52
ROW: Final = 18
"""Pixels of the SVG, its margins, one team's lane, and one row in it."""

COLOURS: Final = {
    "same": "#8a8f98",
    "saved": "#2e8b57",
    "missed": "#d0342c",
    "undecided": "#c98a00",
    "added": "#7b4bb7",
    "elsewhere": "#1f8a8a",
    "later": "#d97706",
    "earlier": "#3572b0",
}
"""One for each kind of page; what matters most is drawn last, over the others."""

STYLES: Final = {
    "saved": "green",
    "missed": "bold red",
    "undecided": "yellow",
    "added": "magenta",
    "elsewhere": "cyan",
    "later": "yellow",
    "earlier": "blue",
}
_ORDER: Final = (
    "same", "saved", "elsewhere", "earlier", "later", "undecided", "added", "missed",
)  # fmt: skip
_STYLE: Final = (
    "text{font:12px sans-serif;fill:#555}.title{font-size:14px;fill:#222}.end{text-anchor:end}"
    ".dim{fill:#999}.axis{stroke:#ccc;stroke-width:1}"
)

Columns = list[Counter[str]]
"""For each stretch of time, how many pages there are of each kind."""


def lanes(report: Report, most: int) -> list[Team]:
    """The teams to draw: those where most differs, then those with most pages."""
    ranked = sorted(report.teams, key=lambda t: (t.same - t.before - t.after, -t.before, t.team))
    return ranked[:most]


def columns(pages: Sequence[Told], team: str, span: tuple[int, int], count: int) -> Columns:
    """The pages of one team in `count` stretches of a span; a page outside counts at its end."""
    found: Columns = [Counter() for _ in range(count)]
    length_ms = span[1] - span[0] + 1
    for page in pages:
        if page.team == team:
            place = (page.at_ms - span[0]) * count // length_ms
            found[min(max(place, 0), count - 1)][page.kind] += 1
    return found


def terminal(report: Report, width: int) -> list[Text]:
    """Two lines for each team drawn: `width` cells, each coloured by what differs most in it."""
    from rich.text import Text

    span = (report.from_ms, report.to_ms)
    drawn = lanes(report, SHOWN_LANES)
    label = max((len(each.team or "-") for each in drawn), default=1)
    label = min(label, width // 4)
    cells = max(1, width - label - 12)
    lines = []
    for team in drawn:
        rows = [columns(side, team.team, span, cells) for side in (report.before, report.after)]
        most = max(1, *(sum(cell.values()) for row in rows for cell in row))
        for word, row, name in zip(
            ("then", "otherwise"), rows, (team.team or "-", ""), strict=True
        ):
            made = Text()
            made.append(f"{name[:label]:<{label}} {word:<9} ", style="dim")
            for cell in row:
                height = -(-sum(cell.values()) * (len(BLOCKS) - 1) // most)
                made.append(BLOCKS[height], style=STYLES.get(_worst(cell), "dim"))
            lines.append(made)
    return lines


def svg(report: Report, title: str, times: tuple[str, str]) -> str:
    """A picture of 960 pixels width; `times` are those of its ends as people read them. A stroke
    says how many pages it is where the pointer rests on it.
    """
    span = (report.from_ms, report.to_ms)
    drawn = lanes(report, LANES_MAX)
    height = TOP + LANE * max(1, len(drawn)) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text class="title" x="{LEFT}" y="20">{escape(title)}</text>',
        *_legend(report.total),
    ]
    for number, team in enumerate(drawn):
        parts += _lane(report, team, TOP + LANE * number, span)
    if not drawn:
        parts.append(f'<text x="{LEFT}" y="{TOP + ROW}">no page in this range</text>')
    floor = height - BOTTOM
    parts += [
        f'<path class="axis" d="M{LEFT} {floor}H{WIDTH - RIGHT}" fill="none"/>',
        f'<text x="{LEFT}" y="{height - 10}">{escape(times[0])}</text>',
        f'<text class="end" x="{WIDTH - RIGHT}" y="{height - 10}">{escape(times[1])}</text>',
        "</svg>\n",
    ]
    return "\n".join(parts)


def _legend(total: Team) -> list[str]:
    parts, x = [], LEFT
    for kind in _ORDER:
        count = getattr(total, kind)
        if count:
            text = f"{count:,} {kind}"
            parts.append(f'<rect x="{x}" y="34" width="10" height="10" fill="{COLOURS[kind]}"/>')
            parts.append(f'<text x="{x + 14}" y="43">{text}</text>')
            x += 30 + 7 * len(text)
    return parts


def _lane(report: Report, team: Team, top: int, span: tuple[int, int]) -> list[str]:
    name = team.team or "no team"
    parts = [f'<text x="8" y="{top + ROW}">{escape(name[:18])}</text>']
    sides = [
        columns(pages, team.team, span, WIDTH - LEFT - RIGHT)
        for pages in (report.before, report.after)
    ]
    most = max(1, *(sum(cell.values()) for side in sides for cell in side))
    for number, (word, side) in enumerate(zip(("then", "otherwise"), sides, strict=True)):
        floor = top + (number + 1) * (ROW + 3)
        parts.append(f'<text class="dim end" x="{LEFT - 8}" y="{floor - 5}">{word}</text>')
        parts.append(f'<path class="axis" d="M{LEFT} {floor}H{WIDTH - RIGHT}" fill="none"/>')
        for at, cell in enumerate(side):
            parts += _strokes(cell, LEFT + at, floor, most)
    return parts


def _strokes(cell: Counter[str], x: int, floor: int, most: int) -> list[str]:
    """The pages of one column, one kind above the other; a stroke is at least a third high."""
    parts: list[str] = []
    total = sum(cell.values())
    if not total:
        return parts
    height = ROW * (1 + 2 * total / most) / 3
    y = float(floor)
    for kind in _ORDER:
        if cell[kind]:
            own = height * cell[kind] / total
            y -= own
            parts.append(
                f'<rect x="{x - 1}" y="{y:.1f}" width="3" height="{own:.1f}"'
                f' fill="{COLOURS[kind]}"><title>{cell[kind]:,} {kind}</title></rect>'
            )
    return parts


def _worst(cell: Counter[str]) -> str:
    return next((kind for kind in reversed(_ORDER) if cell[kind]), "")
