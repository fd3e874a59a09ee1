"""The past of one database: its epochs again, exactly, or as others would have decided them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline.app import compose
from pipeline.app.backtest.change import Change, OfTime
from pipeline.app.backtest.course import Course, Progress, Span
from pipeline.app.backtest.models import Choice, Chosen
from pipeline.app.backtest.report import Report
from pipeline.app.backtest.rules import no_secret
from pipeline.codec import decode
from pipeline.domain.errors import StoreError, UsageError
from pipeline.domain.journal import JournalRecord
from pipeline.domain.stage import Event
from pipeline.domain.store import Checkpoint
from pipeline.engine import Agent
from pipeline.engine.agent import INCIDENTS_TOPIC, JOURNAL
from pipeline.hosts.embedded import bases, rules
from pipeline.hosts.embedded.database import connect, guarded, open_existing
from pipeline.hosts.embedded.folder import DATABASE
from pipeline.hosts.embedded.reader import LogReader
from pipeline.hosts.embedded.replay import Replay, Replayed
from pipeline.topology.declared import Topology
from pipeline.topology.load import check

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

    def text(self, topology_hash: str) -> str:
        """The text of rules that decided here. Raises UsageError where it is not kept."""
        return rules.kept(self.facts, topology_hash)

    def topology(self, topology_hash: str = "") -> Topology:
        """The rules with a hash, or the last ones that decided here; their secrets are empty.

        Raises UsageError where they are not kept.
        """
        topology_hash = topology_hash or self.applied()
        name = f"topology:{topology_hash}"
        found = check(self.text(topology_hash), name, no_secret).topology
        if found is None:
            raise UsageError(
                f"the topology.yaml with the hash {topology_hash} is not one that this Tocsin can"
                " run: replay with the version that wrote it"
            )
        return found

    def replay(self, from_ms: int, to_ms: int) -> Iterator[Replayed]:
        """Each epoch of a range, run again by its journal record. Raises NoWayBack, UsageError."""
        run = Replay(self.log, self._agents, self._globals(), self._bases, from_ms)
        yield from run.run(from_ms, to_ms)

    def reach_ms(self) -> int:
        """From when on decisions can be run again: the start, if all that was read is kept, else
        the first base that nothing is missing after; 0 where there is none.
        """
        names = {name for name, spec in self.topology().agents.items() if _decides(spec.writes)}
        tasks = {f"{name}-0" for name in names}
        first_ms, firsts = 0, dict.fromkeys(tasks, 0)
        for record in self.log.scan(JOURNAL, 0):
            journal = decode(JournalRecord, record.value or b"")
            first_ms = first_ms or journal.now_ms
            if not firsts.get(journal.task, 1):
                firsts[journal.task] = journal.epoch
            if all(firsts.values()):
                break
        if self._is_whole(dict.fromkeys(tasks, Checkpoint()), firsts):
            return first_ms
        for path in sorted(self._bases.glob("*.db")):
            base = open_existing(str(path))
            try:
                if self._is_whole(bases.checkpoints(base), firsts):
                    return int(path.stem)
            finally:
                base.close()
        return 0

    def backtest(
        self,
        other: OfTime | None,
        choice: Choice | None,
        span: Span,
        progress: Progress = lambda _at_ms, _count: None,
    ) -> Report:
        """The pages of a range as they were, and as they would have been under `other` rules
        (None: those of their time) or with the model of `choice` (None: what history had).

        Raises NoWayBack and UsageError, which say what to do.
        """
        replay = Replay(self.log, self._agents, self._globals(), self._bases, span.from_ms)

        def agents(topology: Topology) -> Sequence[Agent]:
            return compose.agents(topology, compose.wiring(topology, self.installation))

        known = Chosen(self._globals(), choice)
        change = Change(self.topology, other or self.topology, agents, known)
        return Course(self.log, replay, change, span, progress).run()

    def _globals(self) -> dict[str, type[Event]]:
        latest = self.topology()
        types = compose.event_types(latest)
        return {name: types[name] for name in compose.global_topics(latest)}

    def _is_whole(self, state: Mapping[str, Checkpoint], firsts: Mapping[str, int]) -> bool:
        """Whether all that followed a state is kept; `firsts` are the first epochs that are."""
        reads = {
            f"{name}-0": (*spec.reads, *spec.returns)
            for name, spec in self.topology().agents.items()
        }
        for task, first in firsts.items():
            checkpoint = state.get(task)
            if checkpoint is None or not 0 < first <= checkpoint.epoch + 1:
                return False
            for topic in reads[task]:
                if checkpoint.offsets.get(f"{topic}:0", 0) < self.log.bounds(topic, 0)[0]:
                    return False
        return True

    def _agents(self, topology_hash: str, slot: str) -> Sequence[Agent]:
        topology = self.topology(topology_hash)
        return compose.agents(topology, compose.wiring(topology, self.installation, slot=slot))

    def _journal(self, partition: int, offset: int) -> JournalRecord:
        (record,) = self.log.read(JOURNAL, partition, offset, 1)
        return decode(JournalRecord, record.value or b"")


def _decides(writes: Sequence[str]) -> bool:
    return INCIDENTS_TOPIC in writes
