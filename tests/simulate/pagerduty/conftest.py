"""A running simulator, and a client for it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from pipeline.simulate.pagerduty import PagerDutySimulator


@pytest.fixture
async def simulator() -> AsyncIterator[PagerDutySimulator]:
    running = PagerDutySimulator()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def client(simulator: PagerDutySimulator) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=simulator.url, timeout=10, trust_env=False) as client:
        yield client
