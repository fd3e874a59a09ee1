"""MemoryStore passes the battery of every store."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.domain.store import Store
from pipeline.engine import MemoryStore
from tests.checks.store import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_memory_store(check: Callable[[Store], None]) -> None:
    check(MemoryStore())
