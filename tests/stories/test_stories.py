"""Every story in this folder, on the embedded host with a virtual clock."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.laws.replay import check_replay
from tests.stories.player import INSTALLATION, Player, stories

STORIES = stories(Path(__file__).parent)


@pytest.mark.parametrize(("name", "story"), STORIES, ids=[name for name, _ in STORIES])
def test_story(name: str, story: Mapping[str, Any]) -> None:
    player = Player(story)
    player.play(story["steps"])
    check_replay(player.driver, player.topology, INSTALLATION)
    assert any(step.keys() & {"pages", "incidents", "receipts", "calls"} for step in story["steps"])
