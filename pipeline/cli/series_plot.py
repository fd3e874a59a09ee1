"""A series as a picture: in the terminal with braille dots, and as an SVG that stands by itself.

Both show the same columns: the lowest and the highest value of each stretch of time, so that no
spike is lost however long the series, the band of what was expected, and where an alarm was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple

from pipeline.domain.series import Reading

if TYPE_CHECKING:
    from rich.text import Text

DOT_ROWS: Final = 4
BRAILLE: Final = 0x2800
DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))

WIDTH, HEIGHT = 960, 320
LEFT, RIGHT, TOP, BOTTOM = 80, 16, 32, 32
"""Pixels of the SVG and of its margins."""

STYLE: Final = (
    "text{font:12px sans-serif;fill:#666}.band{fill:#4a90d9;opacity:.18}"
    ".line{fill:none;stroke:#3572b0;stroke-width:1}.axis{stroke:#999;stroke-width:1}"
    ".alarm{fill:#d0342c}.end{text-anchor:end}"
)


class Column(NamedTuple):
    """One stretch of time: the range of its values and of what was expected (NaN where there is
    nothing), and its strongest alarm.
    """

    low: float
    high: float
    band_low: float
    band_high: float
    alarm: Reading | None


def columns(readings: Sequence[Reading], count: int) -> list[Column]:
    """`count` stretches of equal time from the first to the last reading."""
    stretches: list[list[Reading]] = [[] for _ in range(count)]
    first_ms = min(each.at_ms for each in readings)
    span_ms = max(each.at_ms for each in readings) - first_ms + 1
    for each in readings:
        stretches[(each.at_ms - first_ms) * count // span_ms].append(each)
    return [_column(stretch) for stretch in stretches]


def _column(stretch: Sequence[Reading]) -> Column:
    values = [each.value for each in stretch if math.isfinite(each.value)]
    lows = [each.low for each in stretch if math.isfinite(each.low)]
    highs = [each.high for each in stretch if math.isfinite(each.high)]
    return Column(
        min(values, default=math.nan),
        max(values, default=math.nan),
        sum(lows) / len(lows) if lows else math.nan,
        sum(highs) / len(highs) if highs else math.nan,
        max(
            (each for each in stretch if each.is_anomaly),
            key=lambda each: each.strength,
            default=None,
        ),
    )


def span(shown: Sequence[Column]) -> tuple[float, float]:
    """The lowest and the highest value; a constant gets some room."""
    low = min((each.low for each in shown if math.isfinite(each.low)), default=0.0)
    high = max((each.high for each in shown if math.isfinite(each.high)), default=1.0)
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def terminal(readings: Sequence[Reading], width: int, height: int) -> list[Text]:
    """Lines of text, `width` cells by `height` and one below that points at the alarms."""
    from rich.text import Text

    shown = columns(readings, 2 * width)
    low, high = span(shown)
    cells = [[0] * width for _ in range(height)]
    for number, column in enumerate(shown):
        if not math.isfinite(column.low):
            continue
        dots = height * DOT_ROWS
        bottom, top = (
            min(dots - 1, int((each - low) / (high - low) * dots))
            for each in (column.low, column.high)
        )
        for dot in range(dots - 1 - top, dots - bottom):
            cells[dot // DOT_ROWS][number // 2] |= DOTS[number % 2][dot % DOT_ROWS]
    loud = {number // 2 for number, column in enumerate(shown) if column.alarm}
    scale = max(len(short(each)) for each in (low, high))
    lines = []
    for row, line in enumerate(cells):
        label = short(high) if row == 0 else short(low) if row == height - 1 else ""
        made = Text(f"{label:>{scale}} ", style="dim")
        for place, cell in enumerate(line):
            made.append(chr(BRAILLE + cell), style="bold red" if place in loud else "blue")
        lines.append(made)
    marks = "".join("▲" if place in loud else " " for place in range(width))
    lines.append(Text(" " * (scale + 1) + marks, style="bold red"))
    return lines


def svg(readings: Sequence[Reading], title: str, times: tuple[str, str]) -> str:
    """A picture of 960 × 320 pixels; `times` are those of its ends as people read them. Each
    alarm says its value where the pointer rests on it.
    """
    shown = columns(readings, WIDTH - LEFT - RIGHT)
    low, high = span(shown)

    def y(value: float) -> float:
        inner = HEIGHT - TOP - BOTTOM
        share = (min(max(value, low), high) - low) / (high - low)
        return round(TOP + inner * (1.0 - share), 1)

    held = [
        (LEFT + at, y(each.band_low), y(each.band_high))
        for at, each in enumerate(shown)
        if math.isfinite(each.band_low)
    ]
    band = [f"{x},{top}" for x, _, top in held] + [
        f"{x},{bottom}" for x, bottom, _ in reversed(held)
    ]
    line = [
        f"{LEFT + at},{y(edge)}"
        for at, each in enumerate(shown)
        if math.isfinite(each.low)
        for edge in (each.low, each.high)
    ]
    marks = [
        f'<circle class="alarm" cx="{LEFT + at}" cy="{y(each.alarm.value)}" r="4"><title>'
        f"{short(each.alarm.value)}, expected {short(each.alarm.expected)}</title></circle>"
        for at, each in enumerate(shown)
        if each.alarm is not None
    ]
    floor = HEIGHT - BOTTOM
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            f'<text x="{LEFT}" y="18">{escape(title)}</text>',
            f'<path class="axis" d="M{LEFT} {TOP}V{floor}H{WIDTH - RIGHT}" fill="none"/>',
            f'<text x="{LEFT - 6}" y="{TOP + 8}" class="end">{short(high)}</text>',
            f'<text x="{LEFT - 6}" y="{floor}" class="end">{short(low)}</text>',
            f'<text x="{LEFT}" y="{HEIGHT - 10}">{escape(times[0])}</text>',
            f'<text class="end" x="{WIDTH - RIGHT}" y="{HEIGHT - 10}">{escape(times[1])}</text>',
            f'<polygon class="band" points="{" ".join(band)}"/>',
            f'<polyline class="line" points="{" ".join(line)}"/>',
            *marks,
            "</svg>\n",
        )
    )


def short(value: float) -> str:
    """A number in at most four digits, for a person."""
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.4g}"  # noqa: PLR2004
