"""What people ask of incidents: acknowledge, resolve, snooze, note, merge and so on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from pipeline.cli.failing import failing
from pipeline.cli.options import Author, Data, Json, Url

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Incidents, by their ids.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="An incident, by its id.")]
DONE: Final = {
    "acknowledge": "acknowledged",
    "resolve": "resolved",
    "snooze": "snoozed",
    "note": "noted on",
    "merge": "merged",
    "split": "split",
    "reassign": "reassigned",
    "override": "set the severity of",
    "not-useful": "called not useful:",
    "page": "to be told at once:",
}


@failing
def ack(
    ids: Ids, *, by: Author = "", url: Url = "", data: Data = None, as_json: Json = False
) -> None:
    """Acknowledge incidents: somebody is on it, and nobody else is told again.

    Exit codes: 0 all were, 1 one was refused or is not known.
    """
    _ask("acknowledge", ids, {"author": by}, url, data, as_json)


@failing
def resolve(
    ids: Ids, *, by: Author = "", url: Url = "", data: Data = None, as_json: Json = False
) -> None:
    """Resolve incidents by hand.

    Exit codes: 0 all were, 1 one was refused or is not known.
    """
    _ask("resolve", ids, {"author": by}, url, data, as_json)


@failing
def snooze(
    ids: Ids,
    *,
    for_: Annotated[str, typer.Option("--for", help="How long, such as 2h.")] = "",
    until: Annotated[str, typer.Option(help="Until when, such as 18:00 or RFC 3339.")] = "",
    by: Author = "",
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Say nothing of incidents for a while.

    Exit codes: 0 all were snoozed, 1 one was refused or is not known.
    """
    from pipeline.cli import times
    from pipeline.domain.errors import UsageError

    if bool(for_) == bool(until):
        raise UsageError("say how long with --for 2h, or until when with --until 18:00")
    now = times.now_ms()
    until_ms = now + times.duration_ms(for_) if for_ else times.coming_ms(until, now)
    _ask("snooze", ids, {"author": by, "until": times.rfc3339(until_ms)}, url, data, as_json)


@failing
def note(
    incident_id: Id,
    text: Annotated[str, typer.Argument(help="What to write.")],
    *,
    by: Author = "",
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Write a note on an incident.

    Exit codes: 0 done, 1 refused, or the incident is not known.
    """
    _ask("note", [incident_id], {"author": by, "text": text}, url, data, as_json)


@failing
def merge(
    ids: Ids,
    *,
    into: Annotated[str, typer.Option(help="The incident that takes them in.")],
    by: Author = "",
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Merge incidents into another one of the same scope.

    Exit codes: 0 all were merged, 1 one was refused or is not known.
    """
    _ask("merge", ids, {"author": by, "into": into}, url, data, as_json)


@failing
def split(
    incident_id: Id,
    part: Annotated[str, typer.Argument(help="A service, or the fingerprint of an alert.")],
    *,
    by: Author = "",
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Split alerts off an incident into one of their own; what is like them stays apart from it.

    Exit codes: 0 done, 1 refused, or the incident is not known.
    """
    _ask("split", [incident_id], {"author": by, "part": part}, url, data, as_json)


@failing
def reassign(
    ids: Ids,
    *,
    to: Annotated[str, typer.Option(help="Who is to have them.")],
    by: Author = "",
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Assign incidents to somebody.

    Exit codes: 0 all were, 1 one was refused or is not known.
    """
    _ask("reassign", ids, {"author": by, "assignee": to}, url, data, as_json)


@failing
def override(
    ids: Ids,
    *,
    severity: Annotated[
        str, typer.Option(help="critical, error, warning or info; empty takes it back.")
    ],
    by: Author = "",
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Set the severity of incidents by hand.

    Exit codes: 0 all were, 1 one was refused or is not known.
    """
    _ask("override", ids, {"author": by, "severity": severity}, url, data, as_json)


@failing
def not_useful(
    ids: Ids, *, by: Author = "", url: Url = "", data: Data = None, as_json: Json = False
) -> None:
    """Say that nobody should have been told of incidents: Tocsin learns from it.

    Exit codes: 0 all were taken, 1 one was refused or is not known.
    """
    _ask("not-useful", ids, {"author": by}, url, data, as_json)


@failing
def page(
    ids: Ids, *, by: Author = "", url: Url = "", data: Data = None, as_json: Json = False
) -> None:
    """Tell people at once of incidents that are held back as noise or as over soon.

    Exit codes: 0 all were taken, 1 one was refused or is not known.
    """
    _ask("page", ids, {"author": by}, url, data, as_json)


def _ask(
    kind: str,
    ids: list[str],
    fields: dict[str, str],
    url: str,
    data: Path | None,
    as_json: bool,
) -> None:
    """Ask the same of each incident; one that is refused keeps none of the others back."""
    from pipeline.cli.api import Refusal, running, segment
    from pipeline.cli.output import emit_json, warn

    api = running(url, data)
    body = {name: value for name, value in fields.items() if value or name == "severity"}
    body["author"] = fields["author"] or author()
    answers: list[Any] = []
    is_refused = False
    for incident_id in ids:
        try:
            answer = api.post(f"/api/v1/incidents/{segment(incident_id)}/{kind}", body)
        except Refusal as refusal:
            is_refused = True
            warn(f"tocsin: {incident_id}: {refusal}")
            answers.append({"result": "refused", "incident_id": incident_id, **refusal.problem})
            continue
        answers.append(answer)
        if not as_json:
            print(_sentence(kind, incident_id, answer))
    if as_json:
        emit_json({"answers": answers})
    if is_refused:
        raise typer.Exit(1)


def _sentence(kind: str, incident_id: str, answer: dict[str, Any]) -> str:
    if answer["result"] == "pending":
        return f"asked to {kind} {incident_id}; what comes of it shows in `tocsin incident`"
    title = (answer.get("incident") or {}).get("title", "")
    return f"{DONE[kind]} {incident_id}" + (f": {title}" if title else "")


def author() -> str:
    """The name that somebody logs in with."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
