"""View: follows the log into its database, answers questions, and tells what came of a command."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from pipeline.domain.audit import AuditRecord
from pipeline.domain.store import Log
from pipeline.edge.view.database import MEMORY, ViewDatabase
from pipeline.edge.view.follower import Follower
from pipeline.edge.view.held import Held

P = ParamSpec("P")
T = TypeVar("T")

Question = Callable[Concatenate[sqlite3.Connection, P], T]
"""A function of `questions`: from the view's connection and its own arguments to an answer."""

WAITERS_MAX: Final = 10_000
"""Commands waited for; further ones are answered at once with their id."""


class View:
    """One view of one log. `identity` names the log (the installation): a file that was made
    from another one is thrown away and rebuilt. `apart_s` is how long after its audit record the
    incident that a command changed may come: where topics are read one by one (0: never after).
    """

    def __init__(
        self,
        log: Log,
        path: str | Path = MEMORY,
        *,
        identity: str = "",
        retention_ms: Mapping[str, int] | None = None,
        apart_s: float = 0.0,
    ) -> None:
        self._database = ViewDatabase(path, identity)
        self._waiters: dict[str, list[asyncio.Future[AuditRecord]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._held = Held(self._database, apart_s)
        self.follower = Follower(self._database, log, retention_ms or {}, self._on_round)

    def start(self) -> None:
        """Begin to follow the log; in the event loop in which commands are waited for."""
        self._loop = asyncio.get_running_loop()
        self.follower.start()

    def nudge(self) -> None:
        """Something was committed; from any thread, after every commit."""
        self.follower.nudge(is_waited_for=bool(self._waiters))

    @property
    def fault(self) -> str:
        """Why the view does not follow; "" while it does."""
        return self.follower.fault

    def catch_up(self) -> None:
        """Follow to the log's end now, in this thread; not while a thread follows."""
        self.follower.round()

    async def stop(self) -> None:
        """Stop following, let questions under way have their answers, and close the file."""
        await asyncio.to_thread(self.follower.stop)
        await asyncio.to_thread(self._database.close)

    async def ask(
        self,
        question: Question[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Put a question of `questions` in a thread. Raises StoreError, and what it raises."""

        def put() -> T:
            with self._database.reading() as connection:
                return question(connection, *args, **kwargs)

        return await asyncio.to_thread(put)

    def expect(self, command_id: str) -> asyncio.Future[AuditRecord] | None:
        """What will come of a command, as soon as the view has seen it. None: too many wait.

        Whoever asks has to `forget` it.
        """
        if len(self._waiters) >= WAITERS_MAX:
            return None
        future: asyncio.Future[AuditRecord] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(command_id, []).append(future)
        return future

    def forget(self, command_id: str, future: asyncio.Future[AuditRecord]) -> None:
        """Wait no longer."""
        waiting = self._waiters.get(command_id, [])
        if future in waiting:
            waiting.remove(future)
        if not waiting:
            self._waiters.pop(command_id, None)

    def _on_round(self, results: Sequence[AuditRecord]) -> bool:
        """In the follower's thread: hand what came of commands to the loop; whether any is held."""
        wanted = [record for record in results if record.command_id in self._waiters]
        shown = self._held.shown(wanted)
        if shown and self._loop is not None:
            self._loop.call_soon_threadsafe(self._tell, shown)
        return bool(self._held)

    def _tell(self, results: Sequence[AuditRecord]) -> None:
        for record in results:
            for future in self._waiters.get(record.command_id, ()):
                if not future.done():
                    future.set_result(record)
