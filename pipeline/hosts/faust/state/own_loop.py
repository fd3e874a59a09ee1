"""OwnLoop: a coroutine in a thread with an event loop of its own.

What follows topics beside the epochs must go on while an epoch runs, and must not make one wait.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar

T = TypeVar("T")

STOP_WITHIN_S: Final = 10.0
"""A thread that takes longer is left to die with the process."""


class OwnLoop:
    """Runs `follow(ready)` until `stop`; it calls `ready` once it has caught up.

    Where it raises, `start` raises that; after the start `check` does.
    """

    def __init__(
        self, name: str, follow: Callable[[Callable[[], None]], Coroutine[Any, Any, None]]
    ) -> None:
        self._follow = follow
        self._ready: Future[None] = Future()
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    async def start(self) -> None:
        """Begin, and wait until it has caught up."""
        self._thread.start()
        await asyncio.wrap_future(self._ready)

    async def stop(self) -> None:
        """End it, and wait for its end."""
        self._is_stopping = True
        if not self._thread.is_alive():
            return
        if self._loop is not None and self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
        await asyncio.to_thread(self._thread.join, STOP_WITHIN_S)

    def check(self) -> None:
        """Raises what ended it, if anything but `stop` did after the start."""
        if self._error is not None:
            raise self._error
        has_started = self._thread.ident is not None
        if has_started and not self._is_stopping and not self._thread.is_alive():
            raise RuntimeError(f"the thread of the {self._thread.name} has ended")

    async def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there, from the event loop that this one is called in."""
        if self._loop is None or not self._thread.is_alive():
            coroutine.close()
            raise RuntimeError(f"{self._thread.name} does not run")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self._hold())

    async def _hold(self) -> None:
        self._task = asyncio.current_task()
        try:
            await self._follow(self._caught_up)
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001  (whoever asks is told)
            self._error = error
            if not self._ready.done():
                self._ready.set_exception(error)
        finally:
            if not self._ready.done():
                self._ready.cancel()

    def _caught_up(self) -> None:
        if not self._ready.done():
            self._ready.set_result(None)
