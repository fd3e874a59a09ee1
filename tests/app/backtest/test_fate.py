"""What became of an incident: who acted on it, who called it noise, how it ended."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pipeline.app.backtest.fate import NEEDED, OPEN, QUIET, UNKNOWN, Fates
from pipeline.domain.command import KINDS, Command
from pipeline.domain.incident import Incident

OVER = Incident(
    incident_id="a.1",
    scope_id="a",
    tenant="default",
    status="resolved",
    title="t",
    severity="error",
    group_key="",
    rule="",
)
LASTS = replace(OVER, status="triggered")


def command(kind: str, text: str = "", incident_id: str = "a.1") -> Command:
    return Command(
        command_id=kind,
        kind=kind,
        incident_id=incident_id,
        scope_id="a",
        tenant="default",
        author="ann",
        text=text,
    )


@pytest.mark.parametrize(
    ("commands", "incident", "word", "says"),
    [
        ([], OVER, QUIET, "ended by itself"),
        ([], LASTS, OPEN, "still open"),
        ([], None, UNKNOWN, "not kept"),
        ([command("acknowledge")], OVER, NEEDED, "ann acknowledged it"),
        ([command("acknowledge"), command("not-useful")], OVER, QUIET, "not useful"),
        ([command("note", "a False Alarm again")], OVER, QUIET, "noise"),
        ([command("note", "restarted it")], OVER, NEEDED, "ann wrote a note"),
        ([command("resolve")], OVER, NEEDED, "ann resolved it"),
        ([command("snooze")], LASTS, NEEDED, "ann snoozed it"),
        ([], replace(LASTS, acknowledged_by="bob"), NEEDED, "bob acknowledged it"),
        ([], replace(OVER, resolved_by="bob"), NEEDED, "bob resolved it"),
        ([command("acknowledge", incident_id="a.2")], OVER, QUIET, "ended by itself"),
    ],
)
def test_the_fate_of_one(
    commands: list[Command], incident: Incident | None, word: str, says: str
) -> None:
    fates = Fates()
    for each in commands:
        fates.order(each)
    found = fates.of(incident)
    assert found.word == word
    assert says in found.text


def test_what_was_merged_shares_the_fate_of_what_took_it() -> None:
    fates = Fates()
    gone = replace(OVER, merged_into="a.2", resolved_by="merge into a.2")
    assert fates.of(gone, replace(LASTS, incident_id="a.2")).word == OPEN
    assert fates.of(gone, replace(OVER, incident_id="a.2")).word == QUIET
    fates.order(command("acknowledge", incident_id="a.2"))
    assert fates.of(gone, replace(OVER, incident_id="a.2")).word == NEEDED


def test_every_order_of_people_says_something() -> None:
    for kind in KINDS:
        fates = Fates()
        fates.order(command(kind))
        assert fates.of(OVER).word == (QUIET if kind == "not-useful" else NEEDED), kind
