"""Two sides of a model, figure by figure."""

from __future__ import annotations

from typing import Any

from pipeline.cli.models import sides_table


def quality(head: str, count: int, accuracy: float | None) -> dict[str, Any]:
    return {
        "head": head,
        "outcomes_count": count,
        "accuracy": accuracy,
        "log_loss": 0.25,
        "calibration_error": None,
        "pr_auc": None,
    }


def test_each_figure_stands_beside_the_one_it_is_compared_with() -> None:
    sides = {
        "before v1": [quality("team", 500, 0.9), quality("noise", 0, None)],
        "now v2": [quality("team", 900, 0.95), quality("noise", 0, None)],
        "shadow v1": [],
    }
    table = sides_table(sides)
    cells = [list(column.cells) for column in table.columns]
    heads, figures, before, now, shadow = cells
    assert [column.header for column in table.columns][2:] == list(sides)
    assert set(heads) == {"team"}, "a head that has learned nothing is left out"
    at = figures.index("accuracy")
    assert (before[at], now[at], shadow[at]) == ("90.0%", "95.0%", "")
    assert now[figures.index("outcomes")] == "900"
    assert now[figures.index("PR-AUC")] == ""
