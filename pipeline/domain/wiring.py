"""Wiring: what the composition root hands to each stage's `build`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct, field

from pipeline.domain.model import ModelKind
from pipeline.domain.precedence import Precedes
from pipeline.domain.series import SeriesDetector


class Learning(Protocol):
    """The kinds of models that this installation learns, loaded on use.

    Features cost no loading. To learn loads numpy and River where that has not been done: about
    a second; to restore a model of incidents loads numpy.
    """

    @property
    def kinds(self) -> Mapping[str, ModelKind[Any]]:
        """The kinds by the word before `@` or `+` in the names of their models."""
        ...

    @property
    def is_loaded(self) -> bool:
        """Whether models learn at once. What is decided must not depend on it."""
        ...


class Wiring(Struct, frozen=True, kw_only=True):
    """The sections of topology.yaml as the Structs that their stages declare, and the few
    facts of this installation that decisions need.

    `scope` are the labels that, with the tenant, make a scope. `sinks` are the sinks by name.
    `slot` names this worker in outbox entries. `is_dry` decides and sends nothing. Without
    `learning` nothing is learned, and the rules alone decide.
    """

    scope: tuple[str, ...] = ("environment", "region")
    installation: str = "00000000"
    slot: str = "0"
    sections: Mapping[str, Any] = field(default_factory=dict)
    sinks: Mapping[str, Any] = field(default_factory=dict)
    is_dry: bool = False
    learning: Learning | None = None
    detector: SeriesDetector | None = None
    precedes: Precedes | None = None
