"""Setting: what the worker of one process is given; everything else follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field

from pipeline.domain.stage import Event


class Setting(Struct, frozen=True, kw_only=True):
    """One worker process.

    `app` begins the name of every group, transactional id and changelog topic. `options` reach
    the cluster (topology.cluster.client_options). `folder` is the slot's, `slot_id` its random
    id. `globals` gives the type of each global topic. `store` is where tables stand beneath their
    changelog topic.

    A transaction that is open for longer than the session would block readers after a crash, so
    its timeout is the session's. An epoch that is not committed within half of that ends the
    process.
    """

    app: str
    options: Mapping[str, Any]
    folder: Path
    slot_id: str
    globals: Mapping[str, type[Event]] = field(default_factory=dict)
    store: Literal["rocksdb", "memory"] = "rocksdb"
    standbys: int = 1
    """So many other workers keep a copy of each task's state; 0: none does."""

    session_timeout_ms: int = 10_000
    heartbeat_ms: int = 1_000
    request_bytes_max: int = 48 * 2**20
    """The largest record that is written: a dead letter holds a whole record that failed."""

    def __repr__(self) -> str:
        """Without the options: a password may be among them."""
        return f"Setting(app={self.app!r}, slot_id={self.slot_id!r}, folder={str(self.folder)!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """As `__repr__`, for tracebacks that show variables."""
        return [("app", self.app), ("slot_id", self.slot_id), ("folder", str(self.folder))]

    def group(self, agent: str) -> str:
        """The consumer group of an agent, which is also the id of its Faust App."""
        return f"{self.app}-{agent}"

    def transactional_id(self, agent: str) -> str:
        """The id under which this slot commits, and its group.instance.id."""
        return f"{self.app}-{agent}-{self.slot_id}"

    def changelog(self, agent: str) -> str:
        """The topic beneath the agent's tables."""
        return f"{self.app}-{agent}-changelog"

    @property
    def epoch_timeout_s(self) -> float:
        """Within so long an epoch is committed, or the process ends."""
        return self.session_timeout_ms / 2_000
