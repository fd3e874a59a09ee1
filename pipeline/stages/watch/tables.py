"""What `watch` remembers: each heartbeat in each scope, and which heartbeats were ever expected."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.domain.stage import TableSpec, before_slash


class Beat(Struct, frozen=True, array_like=True):
    """One heartbeat in one scope (`<scope>/<heartbeat>`); `values` are those of the scope.

    `since_ms` is when it was last heard of, or expected from; `missing_since_ms` is 0 while it
    is there. `is_placeholder`: never heard of, here or elsewhere. `is_over`: a placeholder whose
    heartbeat was heard of elsewhere; its next wake removes it.
    """

    values: tuple[str, ...]
    since_ms: int
    missing_since_ms: int = 0
    is_placeholder: bool = False
    is_over: bool = False


class Roll(Struct, frozen=True, array_like=True):
    """The heartbeats that were expected when last looked (`<home>/`)."""

    names: tuple[str, ...]


BEATS: Final = TableSpec(name="watch-beats", type=Beat, owner=before_slash)
ROLL: Final = TableSpec(name="watch-roll", type=Roll, owner=before_slash)
