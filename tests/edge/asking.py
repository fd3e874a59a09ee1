"""An alert, the incident that it opens, and waiting for what the API says."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.edge.world import World

ALERT = {
    "name": "DiskFull",
    "status": "firing",
    "severity": "critical",
    "service": "db",
    "environment": "prod",
    "region": "eu",
    "description": "97 % of /var is used",
    "labels": {"team": "storage"},
}


async def get_until(world: World, path: str, is_good: Any, deadline_s: float = 20) -> Any:
    """The JSON under a path as soon as it is good."""
    found: Any = None

    async def poll() -> Any:
        nonlocal found
        while True:
            answer = await world.client.get(path)
            found = answer.json()
            if answer.status_code == 200 and is_good(found):
                return found
            await asyncio.sleep(0)

    try:
        return await asyncio.wait_for(poll(), deadline_s)
    except TimeoutError:
        raise AssertionError(f"not within {deadline_s} s: {path}: {found}") from None


async def open_incident(world: World, **changes: Any) -> dict[str, Any]:
    """Send an alert and wait for its incident."""
    alert = {**ALERT, **changes}
    answer = await world.client.post("/api/v1/alerts", json=alert)
    assert answer.status_code == 202
    path = f"/api/v1/incidents?q={alert['name']}&service={alert['service']}"
    found = await get_until(world, path, lambda body: body["incidents"])
    incident: dict[str, Any] = found["incidents"][0]
    return incident
