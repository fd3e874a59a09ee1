"""A migration that may not begin does not open its source."""

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from pipeline.app.moving import Move, look, move_all
from pipeline.hosts.faust.client.check import Mismatch


@pytest.mark.parametrize("act", [look, lambda move: move_all(move, lambda _: True)])
async def test_another_client_library_is_refused(
    act: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing: Any = None
    source = tmp_path / "data"
    move = Move(source=source, options={}, topology=nothing, text="")
    monkeypatch.setattr(metadata, "version", lambda _: "0.15.0")
    with pytest.raises(Mismatch, match=r"aiokafka is 0\.15\.0"):
        await act(move)
    assert not source.exists()
