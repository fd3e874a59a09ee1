"""The past of one database: its epochs again, exactly, and what other rules would have done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pipeline.app import compose, whatif
from pipeline.codec import decode
from pipeline.domain.errors import StoreError, UsageError
from pipeline.domain.journal import JournalRecord
from pipeline.domain.secret import Secret
from pipeline.engine import Agent
from pipeline.engine.agent import JOURNAL
from pipeline.hosts.embedded import rules
from pipeline.hosts.embedded.database import connect, guarded
from pipeline.hosts.embedded.folder import DATABASE
from pipeline.hosts.embedded.reader import LogReader
from pipeline.hosts.embedded.replay import Replay, Replayed
from pipeline.topology.declared import Topology
from pipeline.topology.load import check
from pipeline.topology.secrets import MissingSecret

BASES: Final = "bases"
"""The folder of the daily copies of the state, in the data folder."""


class Past:
    """What lies in a data folder, or in one file such as a backup; nothing is written."""

    def __init__(self, place: Path) -> None:
        path = place / DATABASE if place.is_dir() else place
        if not path.is_file():
            raise StoreError(f"{path} does not exist: name a data folder, or a backup")
        self._bases = path.parent / BASES
        self.facts = connect(str(path), is_reader=True)
        self.log = LogReader(str(path))
        with guarded():
            row = self.facts.execute(
                "SELECT value FROM facts WHERE name = 'installation'"
            ).fetchone()
        self.installation = str(row[0]) if row else ""

    def close(self) -> None:
        """Close the connections."""
        self.log.close()
        self.facts.close()

    def span_ms(self) -> tuple[int, int]:
        """The times of the first and the last epoch of the journal; (0, 0) where there is none."""
        first, last = 0, 0
        for partition in self.log.partitions(JOURNAL):
            start, end = self.log.bounds(JOURNAL, partition)
            if end > start:
                head, tail = self._journal(partition, start), self._journal(partition, end - 1)
                first = min(first or head.now_ms, head.now_ms)
                last = max(last, tail.now_ms)
        return first, last

    def applied(self) -> str:
        """The hash of the rules that decided last; "" where nothing was decided yet."""
        found = ""
        for partition in self.log.partitions(JOURNAL):
            start, end = self.log.bounds(JOURNAL, partition)
            if end > start:
                found = self._journal(partition, end - 1).topology
        return found

    def topology(self, topology_hash: str = "") -> Topology:
        """The rules with a hash, or the last ones that decided here; their secrets are empty.

        Raises UsageError where they are not kept.
        """
        topology_hash = topology_hash or self.applied()
        text = rules.kept(self.facts, topology_hash)
        found = check(text, f"topology:{topology_hash}", _no_secret).topology
        if found is None:
            raise UsageError(
                f"the topology.yaml with the hash {topology_hash} is not one that this Tocsin can"
                " run: replay with the version that wrote it"
            )
        return found

    def replay(self, from_ms: int, to_ms: int) -> Iterator[Replayed]:
        """Each epoch of a range, run again by its journal record. Raises NoWayBack, UsageError."""
        latest = self.topology()
        types = compose.event_types(latest)
        known = {name: types[name] for name in compose.global_topics(latest)}
        yield from Replay(self.log, self._agents, known, self._bases, from_ms).run(from_ms, to_ms)

    def what_if(
        self, other: Topology, from_ms: int, to_ms: int
    ) -> tuple[list[whatif.Page], list[whatif.Page]]:
        """The pages of a range under the rules of now, and under others."""
        before = whatif.pages(self.log, self.topology(), from_ms, to_ms)
        return before, whatif.pages(self.log, other, from_ms, to_ms)

    def _agents(self, topology_hash: str, slot: str) -> Sequence[Agent]:
        topology = self.topology(topology_hash)
        return compose.agents(topology, compose.wiring(topology, self.installation, slot=slot))

    def _journal(self, partition: int, offset: int) -> JournalRecord:
        (record,) = self.log.read(JOURNAL, partition, offset, 1)
        return decode(JournalRecord, record.value or b"")


def _no_secret(reference: str) -> Secret:
    raise MissingSecret(reference, "a replay calls nobody", "")
