"""The law of backtests: the same rules differ in nothing, wherever one begins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import tests.stories.test_stories as played
from pipeline.codec import decode
from pipeline.domain.journal import JournalRecord
from tests.app.backtest.trying import backtest
from tests.stories.player import Player, stories

STORIES = stories(Path(played.__file__).parent)


@pytest.mark.parametrize(("name", "story"), STORIES, ids=[name for name, _ in STORIES])
def test_the_same_rules_differ_in_nothing(name: str, story: Mapping[str, Any]) -> None:
    player = Player(story)
    player.play(story["steps"])
    instants = [
        decode(JournalRecord, record.value or b"").now_ms
        for record in player.driver.host.log.scan("journal", 0)
    ]
    for from_ms in sorted({0, instants[len(instants) // 3]}):
        found = backtest(player.driver, player.topology, player.topology, from_ms=from_ms)
        assert found.differences == ()
        assert found.total.before == found.total.after == found.total.same
        counts = found.counts
        assert (counts.unequal_epochs, counts.orders_lost, counts.orders_unanswered) == (0, 0, 0)
