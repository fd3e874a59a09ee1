"""`tocsin replay`: a past range again, exactly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline.cli.failing import failing, naming
from pipeline.cli.options import TIME_HELP, Data, Json

if TYPE_CHECKING:
    from pipeline.app.past import Past
    from pipeline.hosts.embedded.replay import Replayed

SHOWN_MAX: Final = 20


@failing
def replay(
    file: Annotated[
        Path | None, typer.Argument(help="A backup, instead of the data folder.")
    ] = None,
    *,
    from_: Annotated[str, typer.Option("--from", help=f"{TIME_HELP}; else the first.")] = "",
    to: Annotated[str, typer.Option("--to", help=f"{TIME_HELP}; else the last.")] = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Run past epochs again as the journal has them, and compare; nothing is sent or written.

    What other rules would have done is shown by `tocsin backtest`.
    Exit codes: 0 every epoch was equal, 1 one differed, or it could not be replayed, 2 the range
    is empty.
    """
    from pipeline.app.past import Past
    from pipeline.cli import times
    from pipeline.domain.errors import StoreError, UsageError
    from pipeline.settings import read_settings

    place = file or data or read_settings().data
    with naming(place):
        past = Past(place)
    try:
        first_ms, last_ms = past.span_ms()
        if not last_ms:
            raise StoreError("the journal is empty: nothing was decided here yet")
        now = times.now_ms()
        from_ms = times.past_ms(from_, now) if from_ else first_ms
        to_ms = times.past_ms(to, now) if to else last_ms
        if from_ms > to_ms:
            raise UsageError(
                f"the range is empty: it begins at {times.local(from_ms)},"
                f" after its end at {times.local(to_ms)}"
            )
        _exactly(past, from_ms, to_ms, as_json)
    finally:
        past.close()


def _exactly(past: Past, from_ms: int, to_ms: int, as_json: bool) -> None:
    from pipeline.cli.output import emit_json

    count, differences = 0, 0
    shown: list[dict[str, Any]] = []
    for epoch in past.replay(from_ms, to_ms):
        count += 1
        if not epoch.is_equal:
            differences += 1
            if len(shown) < SHOWN_MAX:
                shown.append(_difference_of(epoch))
    if as_json:
        emit_json(
            {
                "from_ms": from_ms,
                "to_ms": to_ms,
                "epochs": count,
                "equal": count - differences,
                "differences": shown,
            }
        )
    else:
        _say_exactly(from_ms, to_ms, count, differences, shown)
    if differences:
        raise typer.Exit(1)


def _difference_of(epoch: Replayed) -> dict[str, Any]:
    journal = epoch.journal
    return {
        "task": journal.task,
        "epoch": journal.epoch,
        "now_ms": journal.now_ms,
        "topology": journal.topology,
        "digest_then": journal.digest,
        "digest_now": epoch.digest,
        "outputs_then": journal.outputs,
        "outputs_now": len(epoch.outputs),
    }


def _say_exactly(
    from_ms: int, to_ms: int, count: int, differences: int, shown: list[dict[str, Any]]
) -> None:
    from pipeline.cli.output import console, counted, plain_table
    from pipeline.cli.times import clock, local

    equal = f"{counted(count, 'epoch')}, {count - differences} equal"
    print(f"{local(from_ms)} to {local(to_ms)}: {equal}")
    if not shown:
        return
    table = plain_table("task", "epoch", "at", "outputs then", "now", "digest then", "now")
    for row in shown:
        table.add_row(
            row["task"],
            str(row["epoch"]),
            clock(row["now_ms"]),
            str(row["outputs_then"]),
            str(row["outputs_now"]),
            row["digest_then"][:12],
            row["digest_now"][:12],
        )
    console().print(table)
    if differences > len(shown):
        print(f"… and {differences - len(shown)} more")
