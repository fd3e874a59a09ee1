"""A graph of alarms as an SVG that stands by itself: causes on the left, what follows on the right.

An alarm stands one column to the right of what comes before it, as far as COLUMNS_MAX; so where
alarms follow each other in a circle, which a few meetings can make of any three, it ends there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from pipeline.cli.times import span

Links = Sequence[Mapping[str, Any]]

COLUMNS_MAX: Final = 8
LINKS_MAX: Final = 60
"""Of one graph the strongest so many are drawn; more would be a knot."""

CHARS_MAX: Final = 30
BOX_WIDTH, BOX_HEIGHT = 220, 40
STEP_X, STEP_Y = 320, 56
MARGIN, TITLE = 16, 28
"""Pixels."""

STYLE: Final = (
    "text{font:12px sans-serif;fill:#222}.on{fill:#777;font-size:11px}.gap{fill:#777;"
    "font-size:11px;text-anchor:middle}.title{font-weight:bold}.box{fill:#eef3f9;stroke:#3572b0}"
    ".link{fill:none;stroke:#888}.through{stroke-dasharray:4 3}"
)


def svg(graphs: Sequence[tuple[str, Links]]) -> str:
    """Titles with their links, as `GET /api/v1/graphs` has them; one below the other."""
    parts: list[str] = []
    top, width = MARGIN, 0
    for title, links in graphs:
        if links:
            drawn, right, top = _graph(title, links[:LINKS_MAX], top)
            parts += drawn
            width = max(width, right)
    marker = (
        '<marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto"><path d="M0 0L8 4L0 8z" fill="#888"/></marker>'
    )
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}"'
        f' width="{width}" height="{top}" role="img">'
    )
    style = f"<style>{STYLE}</style><defs>{marker}</defs>"
    paper = '<rect width="100%" height="100%" fill="#fff"/>'
    return "\n".join((opening, style, paper, *parts, "</svg>\n"))


def places(links: Links) -> dict[str, tuple[int, int]]:
    """The column and the row of each alarm."""
    columns: dict[str, int] = {}
    for link in links:
        columns.setdefault(link["cause"], 0)
        columns.setdefault(link["effect"], 0)
    for _ in range(min(len(columns), COLUMNS_MAX)):
        for link in links:
            right = min(columns[link["cause"]] + 1, COLUMNS_MAX - 1)
            columns[link["effect"]] = max(columns[link["effect"]], right)
    effects = {link["effect"] for link in links}
    for alarm in columns.keys() - effects:
        # What nothing comes before stands beside what it comes before, so that lines are short.
        nearest = min(columns[link["effect"]] for link in links if link["cause"] == alarm)
        columns[alarm] = max(0, nearest - 1)
    filled = [0] * COLUMNS_MAX
    found = {}
    for alarm, column in columns.items():
        found[alarm] = (column, filled[column])
        filled[column] += 1
    return found


def _graph(title: str, links: Links, top: int) -> tuple[list[str], int, int]:
    """The drawing of one graph from `top` on, its right edge and its lower one."""
    at = {
        alarm: (MARGIN + column * STEP_X, top + TITLE + row * STEP_Y)
        for alarm, (column, row) in places(links).items()
    }
    parts = [f'<text class="title" x="{MARGIN}" y="{top + 12}">{escape(title)}</text>']
    parts += [_link(link, at) for link in links]
    parts += [_box(alarm, *place) for alarm, place in at.items()]
    right = max(x for x, _ in at.values()) + BOX_WIDTH + MARGIN
    return parts, right, max(y for _, y in at.values()) + STEP_Y + MARGIN


def _link(link: Mapping[str, Any], at: Mapping[str, tuple[int, int]]) -> str:
    (from_x, from_y), (to_x, to_y) = at[link["cause"]], at[link["effect"]]
    from_x, from_y, to_y = from_x + BOX_WIDTH, from_y + BOX_HEIGHT // 2, to_y + BOX_HEIGHT // 2
    bend = max(40, abs(to_x - from_x) // 2)
    kind = "link" if link["is_direct"] else "link through"
    # Not in the middle, where lines cross: a third of the way along the curve.
    text_x, text_y = from_x + (to_x - from_x) * 7 // 20, from_y + (to_y - from_y) * 7 // 25 - 5
    told = (
        f"{link['cause']} comes {span(link['usual_ms'])} before {link['effect']},"
        f" {link['share']:.0%} of the times"
    )
    return (
        f'<g><title>{escape(told)}</title><path class="{kind}" marker-end="url(#end)" d="M{from_x}'
        f' {from_y}C{from_x + bend} {from_y} {to_x - bend} {to_y} {to_x} {to_y}"/>'
        f'<text class="gap" x="{text_x}" y="{text_y}">{span(link["usual_ms"])}</text></g>'
    )


def _box(alarm: str, x: int, y: int) -> str:
    rule, link, service = alarm.rpartition(" on ")
    rule, where = (rule, service) if link else (alarm, "")
    return (
        f'<g><title>{escape(alarm)}</title><rect class="box" x="{x}" y="{y}" rx="6"'
        f' width="{BOX_WIDTH}" height="{BOX_HEIGHT}"/>'
        f'<text x="{x + 10}" y="{y + 17}">{escape(_cut(rule))}</text>'
        f'<text class="on" x="{x + 10}" y="{y + 32}">{escape(_cut(where))}</text></g>'
    )


def _cut(text: str) -> str:
    return text if len(text) <= CHARS_MAX else text[: CHARS_MAX - 1] + "…"
