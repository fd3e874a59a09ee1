"""`tocsin backtest`: which pages other rules, or another model, would have saved or missed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline.cli.failing import failing, naming
from pipeline.cli.options import TIME_HELP, Data, Json

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.app.backtest.course import Span
    from pipeline.app.backtest.models import Choice
    from pipeline.app.backtest.report import Difference, Report, Team
    from pipeline.app.past import Past

SHOWN_MAX: Final = 20
PICTURE_WIDTH_MAX: Final = 140
TITLE_WIDTH: Final = 60


@failing
def backtest(
    file: Annotated[
        Path | None, typer.Argument(help="A backup, instead of the data folder.")
    ] = None,
    *,
    rules: Annotated[
        Path | None,
        typer.Option(help="A topology.yaml to try, or only the sections that are to differ."),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            help="A model to judge by: a shadow or a version, as `tocsin models list` has it;"
            " `rules` is none."
        ),
    ] = "",
    from_: Annotated[
        str, typer.Option("--from", help=f"{TIME_HELP}; else as far back as is kept.")
    ] = "",
    to: Annotated[str, typer.Option("--to", help=f"{TIME_HELP}; else the last.")] = "",
    svg: Annotated[Path | None, typer.Option(help="Write the picture to this file, too.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Run history once more beside other rules or another model, and compare the pages.

    Both begin with the state that history had at --from. Nothing is sent, and the folder is only
    read; Tocsin may run over it meanwhile.
    Exit codes: 0 compared, 1 it did not work, the range is not kept or the rules are wrong,
    2 wrong usage.
    """
    from pipeline.cli.output import emit_json
    from pipeline.domain.errors import UsageError

    if (rules is None) == (not model):
        raise UsageError("name what to try: either --rules FILE or --model NAME")
    place = _place(file or data)
    from pipeline.app.past import Past

    with naming(place):
        past = Past(place)
    try:
        span = _span(past, from_, to)
        found, choice = _run(past, rules, model, span)
    finally:
        past.close()
    if svg is not None:
        _draw(svg, found, str(rules or model))
    if as_json:
        emit_json(_document(found, rules, model, choice))
    else:
        _show(found, str(rules or model), choice)


def _place(named: Path | None) -> Path:
    """The folder or file that is meant. Raises UsageError where history is on Kafka."""
    from pipeline.domain.errors import UsageError
    from pipeline.settings import read_settings

    settings = read_settings()
    if settings.kafka is not None and named is None:
        raise UsageError(
            "a backtest reads the folder of `tocsin run`, or a backup of one; what is on Kafka it"
            " cannot read yet. Name one with --data or as FILE"
        )
    return named or settings.data


def _span(past: Past, from_: str, to: str) -> Span:
    """The range that is meant. Raises UsageError and StoreError, which say what there is."""
    from pipeline.app.backtest.course import Span
    from pipeline.cli import times
    from pipeline.domain.errors import StoreError, UsageError

    first_ms, last_ms = past.span_ms()
    if not last_ms:
        raise StoreError("the journal is empty: nothing was decided here yet")
    reach_ms = past.reach_ms()
    if not reach_ms:
        raise StoreError(
            "nothing here can be run again: what was read at the start is no longer kept, and no"
            " daily copy of the state was taken since. One is taken within a day"
        )
    now = times.now_ms()
    from_ms = times.past_ms(from_, now) if from_ else reach_ms
    to_ms = times.past_ms(to, now) if to else last_ms
    if from_ms > to_ms:
        raise UsageError(
            f"the range is empty: it begins at {times.local(from_ms)},"
            f" after its end at {times.local(to_ms)}"
        )
    if (from_ms < reach_ms and reach_ms != first_ms) or to_ms < reach_ms:
        raise StoreError(
            f"history can be run again from {times.local(reach_ms)} on: what was read before is"
            " not kept, or no daily copy of the state leads there. Choose a later --from"
        )
    return Span(max(from_ms, reach_ms), to_ms, last_ms)


def _run(past: Past, rules: Path | None, model: str, span: Span) -> tuple[Report, Choice | None]:
    from pipeline.app.backtest.models import choose
    from pipeline.app.backtest.rules import Variant
    from pipeline.topology.load import read

    other = None
    if rules is not None:
        text = read(rules, "name another with --rules")
        other = Variant(text, str(rules), past.text)
    choice = choose(model, past.log) if model else None
    with _progress(span) as progress:
        return past.backtest(other, choice, span, progress), choice


@contextmanager
def _progress(span: Span) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _at_ms, _count: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("history", total=None)
        begun: list[int] = []

        def reached(at_ms: int, count: int) -> None:
            begun.append(at_ms) if not begun else None
            total = max(1, min(span.end_ms, span.last_ms) - begun[0])
            said = f"{count:,} records"
            bar.update(task, total=total, completed=at_ms - begun[0], description=said)

        yield reached


def _draw(svg: Path, found: Report, tried: str) -> None:
    from pipeline.cli.backtest_picture import svg as drawn
    from pipeline.cli.times import local

    ends = (local(found.from_ms), local(found.to_ms))
    svg.write_text(drawn(found, f"Pages as they were, and with {tried}", ends), encoding="utf-8")


def _document(
    found: Report, rules: Path | None, model: str, choice: Choice | None
) -> dict[str, Any]:
    import msgspec

    made: dict[str, Any] = {
        "rules": str(rules or ""),
        "model": model,
        "version": choice.version if choice else "",
        "learned_until_ms": choice.learned_until_ms if choice else 0,
        **msgspec.to_builtins(found),
    }
    for told in ("before", "after"):
        del made[told]  # the differences say more; these are what the picture is drawn of
    for row, one in zip(made["differences"], found.differences, strict=True):
        row["shift_ms"] = one.shift_ms
    made["counts"]["records_per_s"] = round(found.counts.records_per_s)
    return made


def _show(found: Report, tried: str, choice: Choice | None) -> None:
    from pipeline.cli.backtest_picture import terminal
    from pipeline.cli.output import console, counted, safe
    from pipeline.cli.times import local

    shown = console()
    total = found.total
    shown.print(
        f"{local(found.from_ms)} to {local(found.to_ms)}:"
        f" [bold]{counted(total.before, 'page')}[/] as it was,"
        f" [bold]{total.after:,}[/] with {safe(tried)}"
    )
    if shown.is_terminal and found.teams:
        for line in terminal(found, min(shown.width, PICTURE_WIDTH_MAX)):
            shown.print(line, no_wrap=True, overflow="crop")
    if found.teams:
        shown.print(_table(found))
    if not found.differences:
        shown.print("nothing differs")
    _list(shown, found.differences)
    _foot(shown, found, choice)


def _table(found: Report) -> Any:
    from pipeline.cli.output import plain_table, safe

    table = plain_table(
        *("team", "as it was", "otherwise", "missed", "saved", "undecided", "added", "elsewhere"),
        *("later", "earlier"),
    )
    for row in found.teams:
        table.add_row(safe(row.team or "-"), *_cells(row))
    if len(found.teams) > 1:
        table.add_row("[bold]all[/]", *_cells(found.total))
    return table


def _cells(row: Team) -> list[str]:
    from pipeline.cli.times import span

    def moved(count: int, sum_ms: int) -> str:
        return f"{count} by {span(sum_ms / count)}" if count else "0"

    added = f"{row.added} ({row.added_needed} needed)" if row.added_needed else str(row.added)
    return [
        str(row.before),
        str(row.after),
        f"[bold red]{row.missed}[/]" if row.missed else "0",
        f"[green]{row.saved}[/]" if row.saved else "0",
        str(row.undecided),
        added,
        str(row.elsewhere),
        moved(row.later, row.later_ms),
        moved(row.earlier, row.earlier_ms),
    ]


def _list(shown: Console, differences: tuple[Difference, ...]) -> None:
    from pipeline.app.backtest.report import KINDS
    from pipeline.cli.backtest_picture import STYLES

    for kind in KINDS:
        some = [each for each in differences if each.kind == kind]
        for each in some[:SHOWN_MAX]:
            _say(shown, each, STYLES[kind])
        if len(some) > SHOWN_MAX:
            shown.print(f"  [dim]… and {len(some) - SHOWN_MAX:,} more {kind}: --json has all[/]")


def _say(shown: Console, each: Difference, style: str) -> None:
    from pipeline.cli.output import first, safe
    from pipeline.cli.times import local, span

    at = local(each.at_ms or each.other_at_ms)
    by = f" by {span(abs(each.shift_ms))}" if each.kind in ("later", "earlier") else ""
    shown.print(
        f"[{style}]{each.kind}[/]{by} {at} [bold]{safe(first(each.title, TITLE_WIDTH))}[/]"
        f" [dim]{each.incident_id or each.other_incident_id}[/]"
    )
    shown.print(f"  [dim]as it was:[/] {safe(each.why)}")
    shown.print(f"  [dim]otherwise:[/] {safe(each.other_why)}")
    if each.fate_text:
        shown.print(f"  [dim]what became of it:[/] {safe(each.fate_text)}")


def _foot(shown: Console, found: Report, choice: Choice | None) -> None:
    from pipeline.cli.output import counted
    from pipeline.cli.times import local

    counts = found.counts
    shown.print(
        f"[dim]{counted(counts.records, 'record')} of history, {counts.records_per_s:,.0f} a second"
        f" in both runs; {counted(counts.epochs_before, 'epoch')} led up to the range[/]"
    )
    notes = []
    if counts.unequal_epochs:
        notes.append(
            f"{counted(counts.unequal_epochs, 'epoch')} of history did not come out as they did"
            " then: another version of Tocsin decided them, or the model of that time is not kept"
        )
    if choice is not None and choice.learned_until_ms > found.from_ms:
        notes.append(
            f"this model has learned until {local(choice.learned_until_ms)}: of what lies before"
            " that in the range it knows how it turned out, and looks better than it is"
        )
    if counts.orders_lost:
        said = counted(counts.orders_lost, "order")
        notes.append(f"{said} of people had no incident to go to in the other run")
    if counts.orders_unanswered:
        said = counted(counts.orders_unanswered, "order")
        notes.append(f"{said} answered pages that the other run did not send, and were not given")
    for note in notes:
        shown.print(f"[yellow]note:[/] {note}")
