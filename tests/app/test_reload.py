"""Other rules while Tocsin runs: all of it follows, in order, or nothing does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.app import serving
from pipeline.app.embedded import Embedded
from pipeline.domain.errors import Busy
from pipeline.domain.secret import Secret
from pipeline.stages.send.tables import CALLING
from pipeline.topology.declared import Topology
from pipeline.topology.load import load
from tests.wait import wait_until_async

TEXT = """
receivers: {on-call: {sink: pagerduty, routing_key: "env:KEY"}}
routes: {receiver: on-call}
observe: {canary: {every: off}}
"""


def topology(more: str = "") -> Topology:
    return load(TEXT + more, "t.yaml", lambda _: Secret("k" * 32))


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Embedded]:
    embedded = Embedded(topology(), None, text=TEXT)
    await embedded.start()
    try:
        yield embedded
    finally:
        await embedded.stop()


async def test_the_first_calls_under_new_rules_go_to_the_new_receivers() -> None:
    """Their commit may come before the reload is told that it is done."""
    async with running() as embedded:
        step, replace_agents = embedded.host.step, embedded.host.replace_agents
        started_by: list[Any] = []
        due: list[Any] = []

        def and_has_a_call_due(agents: Any) -> None:
            replace_agents(agents)
            slot = embedded.host.tasks()[-1].agent.slot
            due.append(SimpleNamespace(state=CALLING, slot=slot))

        def and_commits_the_call(*appends: Any) -> Any:
            done = step(*appends)
            if due:
                embedded._committed_calls("deliver-0", {"k": due.pop()})
            return done

        embedded.host.replace_agents = and_has_a_call_due  # type: ignore[method-assign]
        embedded.host.step = and_commits_the_call  # type: ignore[assignment,method-assign]
        embedded._start_calls = (  # type: ignore[method-assign]
            lambda entries: started_by.extend(embedded._deliveries[-1] for _ in entries)
        )
        await embedded.reload(topology("scope: [cluster]\n"), TEXT)
        await wait_until_async(lambda: started_by, what="the call began")
        assert started_by == [embedded._deliveries[-1]]


async def test_a_reload_that_fails_leaves_the_old_rules_everywhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as embedded:
        before, deliveries = embedded.topology, embedded._deliveries

        def full(_agents: object) -> None:
            raise Busy("the disk is full")

        monkeypatch.setattr(embedded.host, "replace_agents", full)
        with pytest.raises(Busy):
            await embedded.reload(topology("scope: [cluster]\n"), TEXT)
        assert embedded.topology is before
        assert embedded._deliveries is deliveries


async def test_two_reloads_at_once_leave_the_jobs_of_one() -> None:
    async with running() as embedded:
        last = topology("scope: [host]\n")
        await asyncio.gather(
            *(embedded.reload(topology("scope: [cluster]\n"), TEXT) for _ in range(4)),
            embedded.reload(last, TEXT),
        )
        assert embedded.topology is last
        assert {task.agent.topology for task in embedded.host.tasks()} == {last.hash}
        names = [task.get_name() for task in asyncio.all_tasks() if not task.done()]
        assert names.count("upkeep-canary") == 1


async def test_a_file_that_cannot_be_read_is_said_and_ends_nothing(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreadable() -> None:
        raise PermissionError("topology.yaml")

    await serving._reload(SimpleNamespace(reload=unreadable), SimpleNamespace())  # type: ignore[arg-type]
    assert "topology.yaml" in caplog.text + capsys.readouterr().out
