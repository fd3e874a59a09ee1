"""The contract of a stage: what it is given and what it may do (design §4).

A stage is deterministic. It reads no clock, does no I/O, logs nothing and knows no other
stage; what it does is recorded in its Context and performed by a host after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

from pipeline.domain.alert import Alert
from pipeline.domain.command import Command
from pipeline.domain.ids import scope_of
from pipeline.domain.incident import Incident
from pipeline.domain.notification import Receipt
from pipeline.domain.reason import Reason
from pipeline.domain.record import Origin

T = TypeVar("T", bound=Struct)
Event = Struct
"""Anything on a topic or between two stages."""


class Wake(Struct, frozen=True, kw_only=True):
    """A due timer, as the cause of an update."""

    stage: str
    key: str
    at_ms: int


class Update(Struct, frozen=True, kw_only=True):
    """The incident as it now is, and what changed it; stages of `decide` forward it."""

    incident: Incident
    cause: Alert | Command | Receipt | Wake


def before_slash(key: str) -> str:
    """What stands before the first slash of a key: there most rows begin with whose they are."""
    return key.partition("/")[0]


class TableSpec(Struct, Generic[T], frozen=True, kw_only=True):
    """One table: its name, the type of its values and their version.

    A value of an older version is passed, as plain builtins, through `upgrades[version]` of
    each version in turn until it is of this one. `owner` reads off a row's key whose row it is:
    the key of the records that change it, so that a row can follow them to another number of
    partitions. A table without one cannot be moved.
    """

    name: str
    type: type[T]
    version: int = 1
    upgrades: Mapping[int, Callable[[Any], Any]] = {}
    owner: Callable[[str], str] | None = None


class Table(Protocol[T]):
    """One table of this task, with this epoch's changes on top."""

    def get(self, key: str) -> T | None:
        """The value under `key`, or None."""
        ...

    def put(self, key: str, value: T) -> None:
        """Set the value under `key`; values are frozen, so a change is a new value."""
        ...

    def delete(self, key: str) -> None:
        """Remove `key`; nothing happens where it is absent."""
        ...

    def scan(self, prefix: str) -> Iterator[tuple[str, T]]:
        """All (key, value) whose key starts with `prefix`, by key. Do not write meanwhile."""
        ...


class Context(Protocol):
    """What a stage sees of the world during one event or wake."""

    @property
    def now_ms(self) -> int:
        """The epoch's time: the same for the whole epoch, never less than before."""
        ...

    @property
    def origin(self) -> Origin:
        """Where the event derives from; of a wake, the position of nothing (topic "")."""
        ...

    @property
    def timestamp_ms(self) -> int:
        """When the record was written, by its log; of a wake, the instant it asked for."""
        ...

    def table(self, spec: TableSpec[T]) -> Table[T]:
        """One of this agent's tables; only its owner writes to it."""
        ...

    def lookup(self, name: str) -> Mapping[str, Any]:
        """A global by the name of its topic: read-only, the same for the whole epoch. It is the
        same object as long as nothing in it has changed, and another one after that.
        """
        ...

    def forward(self, event: Event) -> None:
        """Hand an event to the next stage of this agent; at the end of the chain an Update
        is kept and emitted, a Rejected becomes a dead letter.
        """
        ...

    def emit(self, topic: str, key: str, value: Event) -> None:
        """Put a value on a topic that this agent declares to write."""
        ...

    def wake_at(self, key: str, at_ms: int) -> None:
        """Have this stage's `wake(key)` called at `at_ms`; replaces an earlier wish for the
        same key; 0 takes it back.
        """
        ...

    def reason(self, why: Reason, **facts: object) -> None:
        """Record why: a counter, a line on the next incident forwarded, a record on audit."""
        ...


class Stage(Protocol):
    """A deterministic step. `accepts` are the event types that `process` takes; others pass
    on to the next stage unchanged. `tables` are its own.
    """

    @property
    def name(self) -> str:
        """The word used in topology.yaml, reasons, wakes and metrics."""
        ...

    @property
    def accepts(self) -> tuple[type[Event], ...]:
        """The event types that `process` takes."""
        ...

    @property
    def tables(self) -> tuple[TableSpec[Any], ...]:
        """The tables that only this stage writes."""
        ...

    def process(self, event: Any, ctx: Context) -> None:
        """Take one event of an accepted type."""
        ...

    def wake(self, key: str, ctx: Context) -> None:
        """A timer that this stage asked for is due."""
        ...


class Timed(Stage, Protocol):
    """A stage that asks for wakes. They move with the rows that they are about."""

    def owner_of_wake(self, key: str) -> str:
        """Whose timer that is: the key of the records of the rows that it is about."""
        ...


INCIDENTS: TableSpec[Incident] = TableSpec(name="incidents", type=Incident, owner=scope_of)
"""The table that the end of `decide`'s chain keeps; every stage of that agent may read it."""
