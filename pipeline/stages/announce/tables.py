"""The table of `announce`: what was told of each service."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pipeline.domain.catalog import CHANGES_MAX
from pipeline.domain.stage import TableSpec, before_slash

SEEN_MAX: Final = 2 * CHANGES_MAX
"""Ids remembered per service: more than a value holds, so that one which was left out of a value
and stands in the next is not news again."""


class Announced(Struct, frozen=True, array_like=True):
    """The number of a service's last notification, and the latest SEEN_MAX ids seen."""

    sequence: int = 0
    change_ids: tuple[str, ...] = ()


ANNOUNCED: Final = TableSpec(name="announced", type=Announced, owner=before_slash)
"""Key: the hash of the service's name. It is no record's key, and need not be: `changes` is a
global, and has one partition."""
