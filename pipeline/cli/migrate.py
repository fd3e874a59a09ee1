"""`tocsin migrate`: carry what an application holds onto Kafka."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.failing import failing
from pipeline.cli.options import Config, Data, Json


@failing
def migrate(
    *,
    data: Data = None,
    from_kafka: Annotated[
        str,
        typer.Option(
            "--from-kafka",
            help="HOST:PORT of the cluster to migrate from, instead of a data folder; how to get"
            " in is said by TOCSIN_FROM_KAFKA_SECURITY and so on.",
        ),
    ] = "",
    from_app: Annotated[
        str, typer.Option("--from-app", help="Its application there; else the target's name.")
    ] = "",
    config: Config = None,
    with_history: Annotated[
        bool,
        typer.Option("--with-history", help="Carry what was processed too, as far as it is kept."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be carried; change nothing.")
    ] = False,
    start_over: Annotated[
        bool,
        typer.Option(
            "--start-over", help="Delete what an interrupted run has left on the target, first."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Carry state, incidents, and what waits, of a data folder or a cluster onto Kafka.

    The target is the cluster of TOCSIN_KAFKA_BOOTSTRAP: `tocsin topology apply` makes its topics,
    and nothing may have run there. Whatever runs on either side has to be stopped. An interrupted
    run goes on where it stopped when it is called again. The source is not changed: to go back,
    stop what runs on the target, and start the source again.

    Exit codes: 0 all is carried, 1 it may not be done or did not work, 2 wrong usage; with
    --dry-run 2 also where there is something to carry.
    """
    from pipeline.cli import migrating

    wish = migrating.Wish(
        data=data,
        from_kafka=from_kafka,
        from_app=from_app,
        config=config,
        is_with_history=with_history,
        is_starting_over=start_over,
    )
    if dry_run:
        migrating.look_only(wish, as_json=as_json)
    else:
        migrating.carry_out(wish, is_agreed=yes, as_json=as_json)
