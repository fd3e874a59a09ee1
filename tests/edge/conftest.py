"""A running Tocsin for the tests of its edge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.edge.world import World, running


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """One Tocsin with the default limits, and no token."""
    async with running(tmp_path) as found:
        yield found
