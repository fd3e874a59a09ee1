"""Unbroken: a step that a cancellation must not leave half done, such as handing over a store."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def unbroken(step: Coroutine[Any, Any, T]) -> T:
    """Run a step to its end, also where its caller is cancelled meanwhile; then it is cancelled."""
    task = asyncio.get_running_loop().create_task(step)
    is_cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            is_cancelled = True
    if is_cancelled:
        raise asyncio.CancelledError
    return task.result()
