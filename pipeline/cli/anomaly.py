"""`tocsin anomaly`: what is unusual in a CSV file, as a picture and a list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline.cli.failing import failing
from pipeline.cli.options import Json

if TYPE_CHECKING:
    from pipeline.cli.series_file import SeriesFile
    from pipeline.domain.series import Reading

SHOWN_MAX: Final = 40
PLOT_WIDTH_MAX: Final = 120
PLOT_HEIGHT: Final = 10
LABEL_CELLS: Final = 12


@failing
def anomaly(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv", help="A time and a value in each row; .gz, or - for standard input."
        ),
    ],
    *,
    time: Annotated[str, typer.Option(help="The column of times: its name or number.")] = "",
    value: Annotated[str, typer.Option(help="The column of values: its name or number.")] = "",
    svg: Annotated[Path | None, typer.Option(help="Write the picture to this file, too.")] = None,
    as_json: Json = False,
) -> None:
    """Show what is unusual in a series of numbers over time.

    Each point is judged by those before it alone, as in the stream. Times are ISO 8601 (without
    a zone they are taken as they stand), or Unix seconds or milliseconds; a value that is empty
    or NaN is passed over.
    Exit codes: 0 shown, 1 the file can not be read as a series, 2 wrong usage.
    """
    from pipeline.cli.output import emit_json, warn
    from pipeline.cli.series_file import read
    from pipeline.models.anomaly.kept import readings

    series = read(file, time, value)
    made = list(readings((each.at_ms, each.value) for each in series.points))
    if svg is not None:
        _write(svg, file, series, made)
    if as_json:
        emit_json(_document(file, series, made))
        return
    if series.was_unordered:
        warn("the rows were not in the order of their times: they were put into it")
    _show(series, made)


def _write(svg: Path, file: Path, series: SeriesFile, made: list[Reading]) -> None:
    from pipeline.cli.series_plot import svg as drawn

    ends = (series.points[0].time, series.points[-1].time)
    svg.write_text(drawn(made, f"{series.name}, {file.name}", ends), encoding="utf-8")


def _document(file: Path, series: SeriesFile, made: list[Reading]) -> dict[str, Any]:
    return {
        "file": str(file),
        "column": series.name,
        "points": len(series.points),
        "missing": series.missing_count,
        "gaps": series.gaps_count,
        "was_unordered": series.was_unordered,
        "step_ms": series.step_ms,
        "from": series.points[0].time,
        "to": series.points[-1].time,
        "is_learned": any(each.is_learned for each in made),
        "anomalies": [
            {
                "time": point.time,
                "at_ms": reading.at_ms,
                "value": reading.value,
                "expected": reading.expected,
                "low": reading.low,
                "high": reading.high,
                "strength": reading.strength,
                "views": reading.views,
            }
            for point, reading in zip(series.points, made, strict=True)
            if reading.is_anomaly
        ],
    }


def _show(series: SeriesFile, made: list[Reading]) -> None:
    from pipeline.cli.output import console, counted, plain_table, safe
    from pipeline.cli.series_plot import short, terminal
    from pipeline.cli.times import span

    shown = console()
    facts = [
        counted(len(series.points), "point"),
        f"{safe(series.points[0].time)} to {safe(series.points[-1].time)}",
        f"every {span(series.step_ms)}",
    ]
    if series.missing_count:
        facts.append(f"{series.missing_count:,} without a value")
    if series.gaps_count:
        facts.append(f"{counted(series.gaps_count, 'gap')}, up to {span(series.gap_max_ms)}")
    shown.print(f"[bold]{safe(series.name)}[/]  [dim]{', '.join(facts)}[/]")
    for line in terminal(made, min(shown.width, PLOT_WIDTH_MAX) - LABEL_CELLS, PLOT_HEIGHT):
        shown.print(line, no_wrap=True, overflow="crop")
    if not any(each.is_learned for each in made):
        shown.print(f"{_too_few(made)}: nothing can be said yet")
        return
    pairs = zip(series.points, made, strict=True)
    found = [(point, reading) for point, reading in pairs if reading.is_anomaly]
    if not found:
        shown.print("nothing is unusual")
        return
    table = plain_table("time", "value", "expected", "usual range", "strength", "unusual")
    for point, one in found[:SHOWN_MAX]:
        table.add_row(
            safe(point.time),
            short(one.value),
            short(one.expected),
            f"{short(one.low)} to {short(one.high)}",
            f"{one.strength:.2f}",
            ", ".join(one.views),
        )
    shown.print(table)
    if len(found) > SHOWN_MAX:
        shown.print(f"[dim]and {len(found) - SHOWN_MAX:,} more: --json has all of them[/]")


def _too_few(made: list[Reading]) -> str:
    from pipeline.cli.output import counted
    from pipeline.models.anomaly.series import LEARNING_POINTS

    return f"{counted(len(made), 'point')}, and {LEARNING_POINTS} are learned from first"
