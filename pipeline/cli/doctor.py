"""`tocsin doctor`: everything that may be wrong, a line each, and what to do about it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.failing import failing
from pipeline.cli.options import Config, Data, Json, Url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.app.checkup import Finding
    from pipeline.topology.declared import Topology

CONNECT_S: Final = 3.0
STYLE: Final = {"ok": "green", "warn": "yellow", "fail": "bold red"}
MARK: Final = {"ok": "✔", "warn": "!", "fail": "✘"}


@failing
def doctor(
    *,
    data: Data = None,
    config: Config = None,
    url: Url = "",
    no_network: Annotated[
        bool, typer.Option("--no-network", help="Do not try whether receivers can be reached.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look at versions, topology, data folder, disk, the running Tocsin and its receivers.

    Exit codes: 0 nothing fails, also with warnings, 1 something fails.
    """
    from pipeline.cli.output import console, counted, emit_json, plain_table, safe

    found = list(_findings(data, config, url, is_offline=no_network))
    failed = sum(one.state == "fail" for one in found)
    warned = sum(one.state == "warn" for one in found)
    if as_json:
        emit_json({"findings": found, "failed": failed, "warned": warned})
    else:
        table = plain_table("", "what", "how it is")
        for one in found:
            style = STYLE[one.state]
            hint = f"\n[dim]→ {safe(one.hint)}[/]" if one.hint else ""
            table.add_row(f"[{style}]{MARK[one.state]}[/]", one.name, safe(one.says) + hint)
        console().print(table)
        wrong = f"{counted(warned, 'warning')}, {counted(failed, 'failure')}"
        print(f"{len(found) - failed - warned} ok, {wrong}")
    if failed:
        raise typer.Exit(1)


def _findings(
    data: Path | None, config: Path | None, url: str, *, is_offline: bool
) -> Iterator[Finding]:
    from pipeline.app import checkup
    from pipeline.cli.rules import file_of
    from pipeline.settings import read_settings

    folder = data or read_settings().data
    yield _versions()
    linted, topology = _topology(file_of(config))
    yield linted
    yield _folder(folder)
    format_found = checkup.format_of(folder)
    yield format_found
    if topology is not None:
        yield _disk(folder, int(topology.observe.disk_free_min))
    yield from _running(url, data)
    if format_found.state == checkup.OK and topology is not None:
        yield from _database(folder, topology)
    if topology is not None and not is_offline:
        yield from _receivers(topology)


def _versions() -> Finding:
    import platform
    from importlib.metadata import version

    from pipeline.app.checkup import Finding
    from pipeline.hosts.embedded.database import SQLITE

    parts = f"tocsin {version('tocsin')}, Python {platform.python_version()}"
    return Finding(name="versions", state="ok", says=f"{parts}, SQLite {SQLITE}")


def _topology(path: Path) -> tuple[Finding, Topology | None]:
    from pipeline.app.checkup import Finding
    from pipeline.cli.rules import lint_file
    from pipeline.topology.complaint import TopologyError

    try:
        checked = lint_file(path)
        complaints, topology = checked.complaints, checked.topology
    except TopologyError as error:
        complaints, topology = error.complaints, None
    if topology is None:
        state, says = "fail", "cannot be run"
    else:
        state, says = ("warn", "can be run, with warnings") if complaints else ("ok", "good")
    return (
        Finding(
            name="topology",
            state=state,
            says=f"{path}: {says}",
            hint="\n".join(complaint.render() for complaint in complaints),
        ),
        topology,
    )


def _folder(folder: Path) -> Finding:
    from pipeline.app.checkup import Finding

    name = "data folder"
    if not folder.exists():
        return Finding(
            name=name, state="ok", says=f"{folder} is not there yet: `tocsin run` makes it"
        )
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return Finding(
            name=name,
            state="fail",
            says=f"{folder} cannot be written",
            hint="correct its owner or permissions, or name another with --data",
        )
    return Finding(name=name, state="ok", says=str(folder.resolve()))


def _disk(folder: Path, free_bytes_min: int) -> Finding:
    import shutil

    from pipeline.app.checkup import Finding

    there = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    free_bytes = shutil.disk_usage(there).free
    is_low = free_bytes < free_bytes_min
    return Finding(
        name="disk",
        state="warn" if is_low else "ok",
        says=f"{free_bytes / 2**30:.1f} GiB free",
        hint=f"below {free_bytes_min / 2**30:.1f} GiB: free some room" if is_low else "",
    )


def _running(url: str, data: Path | None) -> Iterator[Finding]:
    """What the running Tocsin says of itself: halted tasks and clock jumps stand in /readyz."""
    from pipeline.app.checkup import Finding
    from pipeline.cli.api import NoAnswer, Refusal, running

    name = "running"
    try:
        api = running(url, data)
    except NoAnswer as error:
        yield Finding(name=name, state="warn", says=str(error))
        return
    try:
        api.get("/readyz")
    except NoAnswer as error:
        yield Finding(name=name, state="warn", says=str(error))
    except Refusal as refusal:
        listed = "; ".join(refusal.problem.get("complaints", ())) or str(refusal)
        yield Finding(name=name, state="fail", says=listed, hint=f"as {api.url}/readyz has it")
    else:
        yield Finding(name=name, state="ok", says=f"ready at {api.url}")


def _database(folder: Path, topology: Topology) -> Iterator[Finding]:
    from pipeline.app import checkup
    from pipeline.app.past import Past
    from pipeline.hosts.embedded.folder import DATABASE

    if not (folder / DATABASE).exists():
        return
    past = Past(folder)
    try:
        yield checkup.lag(past, topology)
        yield checkup.scopes(past)
        yield checkup.dead_letters(past)
        yield checkup.calls(past)
        yield checkup.receipts(past)
        yield _rules(past.applied(), topology)
    finally:
        past.close()


def _rules(applied: str, topology: Topology) -> Finding:
    from pipeline.app.checkup import Finding

    is_other = bool(applied) and applied != topology.hash
    return Finding(
        name="rules",
        state="warn" if is_other else "ok",
        says="the file differs from what decided last" if is_other else "the file is what decides",
        hint="send SIGHUP to the running Tocsin, or restart it" if is_other else "",
    )


def _receivers(topology: Topology) -> Iterator[Finding]:
    """Whether a connection to each receiver can be opened; nothing is sent."""
    from pipeline.app.checkup import Finding
    from pipeline.settings import read_settings

    events_url = read_settings().pagerduty_events_url
    for name, receiver in topology.sections["receivers"].items():
        is_pagerduty = receiver.sink == "pagerduty"
        address = events_url if is_pagerduty and events_url else str(getattr(receiver, "url", ""))
        why = _unreachable(address) if address else ""
        yield Finding(
            name=f"receiver {name}",
            state="warn" if why else "ok",
            says=f"{receiver.sink}: {why or 'can be reached'}",
            hint="check the network, a proxy or a firewall" if why else "",
        )


def _unreachable(address: str) -> str:
    """Why no connection can be opened; "" where one can. Only the host is ever named."""
    import socket
    from urllib.parse import urlsplit

    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=CONNECT_S).close()
    except OSError as error:
        return f"{parts.hostname}:{port} cannot be reached: {error.strerror or error}"
    return ""
