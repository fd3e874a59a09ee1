"""The scope is read off a text that was applied once, whatever else stands there now."""

from __future__ import annotations

import pytest

from pipeline.topology.apply.look import scope_of


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("", ("environment", "region")),
        ("scope:\n", ("environment", "region")),
        ("scope: [team]\nnonsense: 1\n", ("team",)),
        ("scope: []", ()),
        ("}{", ("environment", "region")),
    ],
)
def test_scope_of(text: str, scope: tuple[str, ...]) -> None:
    assert scope_of(text) == scope
