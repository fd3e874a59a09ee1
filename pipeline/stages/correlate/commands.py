"""What a command does to an incident, or why it is refused. Pure.

Acknowledging twice, or resolving what is resolved, is applied and changes nothing: who repeats
a call wants the state, not an argument. A person who resolves an incident closes it: alerts
that still fire stay quiet (`correlate.refire` says for how long) until one of them fires anew
or rises in severity.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.alert import SEVERITIES
from pipeline.domain.command import KINDS, TEXT_SIZE_MAX, Command
from pipeline.domain.incident import ACKNOWLEDGED, NOTES_MAX, TRIGGERED, Incident, Note
from pipeline.stages.correlate.incident import Case, closed, shown

SNOOZE_MAX_MS: Final = 30 * 86_400_000
"""Nobody snoozes an incident for longer than a month."""

NAME_SIZE_MAX: Final = 300
NOTES_SIZE_MAX: Final = 100_000
"""Characters of all notes of an incident together; the oldest give way, as beyond NOTES_MAX."""


class Answer(Struct, frozen=True):
    """The case as it now is, or None where nothing changes; `why` is set where refused."""

    case: Case | None = None
    why: str = ""


def decide(case: Case, command: Command, now_ms: int) -> Answer:
    """Apply every kind but merge, which concerns two incidents (see merging)."""
    incident = case.incident
    if command.kind == "note":
        return _note(case, command, now_ms)
    if command.kind == "resolve":
        if not incident.is_open:
            return Answer()
        return Answer(closed(case, now_ms, command.author))
    if command.kind in ("not-useful", "page"):
        return _with(case, replace(case.incident, updated_at_ms=now_ms))
    if command.kind not in KINDS:
        return Answer(why=f"{command.kind!r} is no command; there are {', '.join(KINDS)}")
    if not incident.is_open:
        into = f" (merged into {incident.merged_into})" if incident.merged_into else ""
        return Answer(why=f"it is resolved{into}")
    if command.kind == "acknowledge":
        return _acknowledge(case, command, now_ms)
    if command.kind == "snooze":
        return _snooze(case, command, now_ms)
    if command.kind == "reassign":
        return _reassign(case, command, now_ms)
    return _override(case, command, now_ms)


def unsnoozed(case: Case, now_ms: int) -> Case:
    """The case after its snooze is over: triggered again, so that somebody is reminded."""
    incident = replace(
        case.incident,
        status=TRIGGERED,
        snoozed_until_ms=0,
        acknowledged_at_ms=0,
        acknowledged_by="",
        updated_at_ms=now_ms,
    )
    return Case(incident, case.row)


def _acknowledge(case: Case, command: Command, now_ms: int) -> Answer:
    if case.incident.status == ACKNOWLEDGED:
        return Answer()
    return _with(
        case,
        replace(
            case.incident,
            status=ACKNOWLEDGED,
            acknowledged_at_ms=now_ms,
            acknowledged_by=command.author,
            updated_at_ms=now_ms,
        ),
    )


def _snooze(case: Case, command: Command, now_ms: int) -> Answer:
    if command.until_ms <= now_ms:
        return Answer(why="until_ms lies in the past")
    if command.until_ms > now_ms + SNOOZE_MAX_MS:
        return Answer(why="until_ms is more than 30 days ahead")
    return _with(
        case, replace(case.incident, snoozed_until_ms=command.until_ms, updated_at_ms=now_ms)
    )


def _reassign(case: Case, command: Command, now_ms: int) -> Answer:
    if not command.assignee:
        return Answer(why="it names no assignee")
    assignee = command.assignee[:NAME_SIZE_MAX]
    return _with(case, replace(case.incident, assigned_to=assignee, updated_at_ms=now_ms))


def _note(case: Case, command: Command, now_ms: int) -> Answer:
    if not command.text.strip():
        return Answer(why="the note is empty")
    if len(command.text) > TEXT_SIZE_MAX:
        return Answer(why=f"the note has more than {TEXT_SIZE_MAX} characters")
    note = Note(at_ms=now_ms, author=command.author[:NAME_SIZE_MAX], text=command.text)
    notes = bounded((*case.incident.notes, note))
    return _with(case, replace(case.incident, notes=notes, updated_at_ms=now_ms))


def bounded(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """The latest notes, as many as an incident holds."""
    size = 0
    for count, note in enumerate(reversed(notes)):
        size += len(note.text)
        if count == NOTES_MAX or size > NOTES_SIZE_MAX:
            return notes[len(notes) - count :]
    return notes


def _override(case: Case, command: Command, now_ms: int) -> Answer:
    """An empty severity gives the decision back to the alerts."""
    if command.severity and command.severity not in SEVERITIES:
        return Answer(why=f"{command.severity!r} is no severity; there are {', '.join(SEVERITIES)}")
    row = replace(case.row, override=command.severity)
    return Answer(shown(Case(case.incident, row), now_ms))


def _with(case: Case, incident: Incident) -> Answer:
    return Answer(Case(incident, case.row))
