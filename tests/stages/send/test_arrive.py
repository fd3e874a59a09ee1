"""What a new notification ends: tables over the actions that wait and the one that comes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.notification import ACTIONS
from pipeline.stages.send.arrive import LANE_MAX, arrive
from pipeline.stages.send.tables import CALLING, WAITING, Entry
from tests.stages.send.given import told

ACTION_OF = {"t": "trigger", "a": "acknowledge", "r": "resolve", "c": "change"}

MARKS: dict[str, dict[str, Any]] = {
    "!": {"state": CALLING},
    "?": {"state": WAITING, "is_ambiguous": True},
    "+": {"state": WAITING, "is_said": True},
}


def entries(text: str) -> list[Entry]:
    """Entries from one letter each: `t!` is being called, `t?` ambiguous, `r+` said once."""
    found: list[Entry] = []
    for letter in text.replace(" ", ""):
        if letter in ACTION_OF:
            found.append(Entry(notification=told(len(found) + 1, ACTION_OF[letter])))
        else:
            found[-1] = replace(found[-1], **MARKS[letter])
    return found


@pytest.mark.parametrize(
    ("waiting", "new", "ended"),
    [
        ("", "t", {}),
        ("t", "t", {1: "collapsed"}),
        ("t!", "t", {}),
        ("t!t", "t", {2: "collapsed"}),
        ("ta", "t", {}),
        ("ta", "a", {2: "collapsed"}),
        ("c", "c", {}),
        ("t", "r", {1: "dropped"}),
        ("t?", "r", {1: "ambiguous"}),
        ("t!", "r", {}),
        ("t!t", "r", {2: "dropped"}),
        ("t!a", "r", {2: "dropped"}),
        ("ta", "r", {1: "dropped", 2: "dropped"}),
        ("", "r", {}),
        ("a", "r", {1: "dropped"}),
        ("c", "r", {}),
        ("r", "r", {1: "collapsed"}),
        ("r", "t", {}),
        ("rt", "r", {1: "collapsed", 2: "dropped"}),
        ("r+", "r", {1: "delivered"}),
        ("r+", "t", {1: "delivered"}),
        ("r+!", "t", {}),
    ],
)
def test_what_ends(waiting: str, new: str, ended: dict[int, str]) -> None:
    present = entries(waiting)
    coming = Entry(notification=told(len(present) + 1, ACTION_OF[new]))
    closings = arrive(present, coming).closings
    assert {c.sequence: c.result for c in closings} == ended
    assert len(closings) == len(ended)


@pytest.mark.parametrize("pattern", ["ta", "c", "cta", "tac"])
@pytest.mark.parametrize("new", "tarc")
def test_a_lane_is_bounded(pattern: str, new: str) -> None:
    present = entries((pattern * LANE_MAX)[:LANE_MAX])
    coming = Entry(notification=told(LANE_MAX + 1, ACTION_OF[new]))
    closings = arrive(present, coming).closings
    assert closings
    assert all(c.sequence <= LANE_MAX for c in closings)
    if new == "r":
        assert {c.result for c in closings} <= {"dropped"}
    assert set(ACTION_OF.values()) == set(ACTIONS)
