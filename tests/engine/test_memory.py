"""MemoryStore passes the battery of every store."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.domain.store import Store
from pipeline.engine import MemoryStore
from tests.checks.store import CHECKS


@pytest.mark.parametrize("check_law", CHECKS, ids=lambda law: law.__name__)
def test_memory_store(check_law: Callable[[Store], None]) -> None:
    check_law(MemoryStore())
