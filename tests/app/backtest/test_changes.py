"""Stories of a change of rules: what happened, what is tried, and what would have differed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from pipeline.domain.secret import Secret
from pipeline.topology.declared import Topology
from pipeline.topology.load import load
from tests.app.backtest.trying import backtest, line
from tests.stories.player import Player, _stated, stories

STORIES = stories(Path(__file__).parent)


def other_rules(story: Mapping[str, Any], other: Mapping[str, Any]) -> Topology:
    """The rules of a story with some sections replaced."""
    stated = {**(story.get("topology") or {}), **other}
    return load(yaml.safe_dump(_stated(stated)), "other", lambda _: Secret("k" * 32))


@pytest.mark.parametrize(("name", "story"), STORIES, ids=[name for name, _ in STORIES])
def test_what_would_have_differed(name: str, story: Mapping[str, Any]) -> None:
    player = Player(story)
    player.play(story["steps"])
    for tried in story["tried"]:
        found = backtest(player.driver, player.topology, other_rules(story, tried["other"]))
        assert [line(each) for each in found.differences] == tried["found"], tried["other"]
        assert found.counts.unequal_epochs == 0
        for title, (why, other_why, fate) in tried.get("reasons", {}).items():
            one = next(each for each in found.differences if each.title == title)
            assert one.why.startswith(why)
            assert one.other_why.startswith(other_why)
            assert one.fate_text == fate
        teams = {row.team: msgspec.to_builtins(row) for row in found.teams}
        for team, parts in tried.get("teams", {}).items():
            assert parts == {part: teams[team][part] for part in parts}
        counts = msgspec.to_builtins(found.counts)
        for part, count in tried.get("counts", {}).items():
            assert counts[part] == count, part
