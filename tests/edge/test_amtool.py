"""amtool, Alertmanager's own client, adds alerts to us as if we were one."""

from __future__ import annotations

import asyncio

from tests.edge.world import World
from tests.real import require_program


async def test_amtool_adds_an_alert(world: World) -> None:
    program = require_program("amtool")
    process = await asyncio.create_subprocess_exec(
        program,
        f"--alertmanager.url={world.url}",
        *("alert", "add", "DiskFull", "severity=critical", "instance=db-1"),
        "--annotation=summary=disk full",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"NO_PROXY": "*", "HOME": "/nonexistent"},
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, output.decode()
    assert len(world.records("raw-alerts")) == 1
