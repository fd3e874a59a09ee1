"""The few stories that run in any case have every kind of step that any story has."""

from __future__ import annotations

from tests.hosts.faust.differential.choice import features, few, length
from tests.real import ROOT
from tests.stories.player import stories

ALL = stories(ROOT / "tests" / "stories")


def test_the_few_have_all_that_the_many_have() -> None:
    chosen = few(ALL)
    assert set().union(*(features(story) for _, story in chosen)) == set().union(
        *(features(story) for _, story in ALL)
    )
    assert len(chosen) < len(ALL) / 5
    assert sum(length(story) for _, story in chosen) < sum(length(s) for _, s in ALL) / 10


def test_steps_of_one_word_are_told_apart_by_what_they_do() -> None:
    story = {
        "steps": [
            {"receiver": {"on-call": "down"}},
            {"command": {"kind": "note", "incident": "x"}},
            {"wait": "1m"},
        ],
        "topology": {"inhibit": []},
    }
    assert features(story) == {
        *("receiver", "receiver down", "command", "command kind note", "wait"),
        *("inhibit", "steps", "topology"),
    }
