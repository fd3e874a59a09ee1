"""Contexts: what each stage of a chain sees, all on one Epoch that records what they do."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from msgspec import Struct, field
from msgspec.structs import replace

from pipeline.codec import encode
from pipeline.domain.audit import AuditRecord
from pipeline.domain.errors import Oversize, UsageError
from pipeline.domain.reason import FACT_SIZE_MAX, Reason, ReasonLine
from pipeline.domain.record import DEFAULT_TENANT, ORIGIN, TENANT, TRACE, Origin, Record
from pipeline.domain.stage import Event, Stage, Table, TableSpec
from pipeline.domain.store import Output
from pipeline.engine.agent import AUDIT, DEAD_LETTERS, Agent
from pipeline.engine.globals import Globals
from pipeline.engine.tables import Overlay, Reader
from pipeline.engine.wakes import Wakes

OWN_ORIGINS: Final = frozenset({"raw-alerts", "commands"})
"""Topics that others write: their positions have no holes, so ids may derive from them."""

_LIFTED: Final = ("incident_id", "command_id", "result")


class Epoch(Struct, kw_only=True):
    """What the stages have done since the epoch began, and the event that they are at."""

    agent: Agent
    partition: int
    tables: dict[str, Overlay[Any]]
    wakes: Wakes
    globals: Globals
    record: Record
    now_ms: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    known_origin: Origin | None = None
    outputs: list[Output] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    lines: list[ReasonLine] = field(default_factory=list)
    audits: list[AuditRecord] = field(default_factory=list)
    kept: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=dict)
    decoded: frozenset[str] | None = None

    def at(self, record: Record) -> None:
        """Turn to the next record: outputs carry its origin, tenant and trace from now on."""
        if self.lines or self.audits:
            self.close_event()
        self.record = record
        self.known_origin = None
        given = record.headers
        if record.topic in OWN_ORIGINS:
            origin = f"{record.topic}:{record.partition}:{record.offset}:0"
            trace = given.get(TRACE) or blake2b(origin.encode(), digest_size=16).hexdigest()
        else:
            origin = given.get(ORIGIN, "")
            trace = given.get(TRACE, "")
        self.headers = {
            ORIGIN: origin,
            TENANT: given.get(TENANT) or DEFAULT_TENANT,
            TRACE: trace,
        }

    def close_event(self, incident_id: str = "") -> None:
        """Let go of the reasons given since the last call: they were about `incident_id`."""
        self.lines.clear()
        if self.audits:
            audits, self.audits = self.audits, []
            for audit in audits:
                named = audit if audit.incident_id else replace(audit, incident_id=incident_id)
                self.append(AUDIT, audit.tenant, named)

    def append(self, topic: str, key: str, value: Event | None) -> None:
        """Record one output; a value over its topic's limit raises Oversize."""
        raw = None if value is None else self.weigh(topic, value)
        event = value if self.decoded is None or topic in self.decoded else None
        self.outputs.append(
            Output(topic=topic, key=key, value=raw, headers=self.headers, event=event)
        )

    def weigh(self, topic: str, value: Event) -> bytes:
        """The bytes of a value on `topic`; one over the topic's limit raises Oversize."""
        raw = encode(value)
        limit = self.limits.get(topic)
        if limit is None:
            limit = self.limits[topic] = self.agent.limit(topic)
        if len(raw) > limit:
            raise Oversize(topic, len(raw), limit)
        return raw

    def origin(self) -> Origin:
        """The origin of the current event, parsed once."""
        if self.known_origin is None:
            self.known_origin = self._parse_origin()
        return self.known_origin

    def _parse_origin(self) -> Origin:
        record = self.record
        if record.topic in OWN_ORIGINS:
            tenant, trace = self.headers[TENANT], self.headers[TRACE]
            return Origin(record.topic, record.partition, record.offset, 0, tenant, trace)
        parts = self.headers[ORIGIN].split(":") if self.headers else []
        tenant = self.headers.get(TENANT, DEFAULT_TENANT)
        trace = self.headers.get(TRACE, "")
        if len(parts) != 4:  # noqa: PLR2004
            return Origin("", 0, 0, 0, tenant, trace)
        return Origin(parts[0], int(parts[1]), int(parts[2]), int(parts[3]), tenant, trace)


class StageContext:
    """The Context of one stage: the same Epoch, its own name and its own successor."""

    __slots__ = ("_epoch", "_follow", "_name", "_tables", "_writes")

    def __init__(self, stage: Stage, epoch: Epoch, follow: Any) -> None:
        self._name = stage.name
        own = {spec.name for spec in stage.tables}
        self._tables = {
            name: table if name in own else Reader(table) for name, table in epoch.tables.items()
        }
        self._epoch = epoch
        self._follow = follow
        self._writes = frozenset((*epoch.agent.writes, DEAD_LETTERS))

    @property
    def now_ms(self) -> int:
        """The epoch's time."""
        return self._epoch.now_ms

    @property
    def origin(self) -> Origin:
        """Where the event derives from."""
        return self._epoch.origin()

    @property
    def timestamp_ms(self) -> int:
        """When the record was written; of a wake, the instant it asked for."""
        return self._epoch.record.timestamp_ms

    def table(self, spec: TableSpec[Any]) -> Table[Any]:
        """One of the agent's tables; those of other stages can only be read."""
        found = self._tables.get(spec.name)
        if found is None:
            raise UsageError(f"stage {self._name} asks for a table {spec.name!r} of no stage")
        return found

    def lookup(self, name: str) -> Mapping[str, Any]:
        """A global by the name of its topic."""
        if name not in self._epoch.agent.looks_up:
            raise UsageError(f"agent {self._epoch.agent.name} does not declare looks_up: {name}")
        return self._epoch.globals.view(name)

    def forward(self, event: Event) -> None:
        """Hand an event to the next stage that accepts it."""
        self._follow(event)

    def emit(self, topic: str, key: str, value: Event) -> None:
        """Put a value on a topic that this agent declares to write."""
        if topic not in self._writes:
            raise UsageError(f"agent {self._epoch.agent.name} does not declare writes: {topic}")
        self._epoch.append(topic, key, value)

    def wake_at(self, key: str, at_ms: int) -> None:
        """Have this stage woken for `key` at `at_ms`; 0 takes it back."""
        epoch = self._epoch
        epoch.wakes.set(self._name, key, at_ms, epoch.headers[TENANT])

    def reason(self, why: Reason, **facts: object) -> None:
        """Record why: counted, on the next incident forwarded, and on audit."""
        epoch = self._epoch
        epoch.reasons.append(why.name)
        if not why.is_audited:
            return
        texts = {name: str(fact)[:FACT_SIZE_MAX] for name, fact in facts.items()}
        lifted = {name: texts.pop(name, "") for name in _LIFTED}
        text = why.render({**texts, **lifted})
        epoch.lines.append(ReasonLine(at_ms=epoch.now_ms, reason=why.name, text=text, facts=texts))
        if AUDIT not in epoch.agent.writes:
            return
        record = AuditRecord(
            at_ms=epoch.now_ms,
            tenant=epoch.headers[TENANT],
            agent=epoch.agent.name,
            stage=self._name,
            reason=why.name,
            text=text,
            facts=texts,
            origin=epoch.headers[ORIGIN],
            trace_id=epoch.headers[TRACE],
            topology=epoch.agent.topology,
            **lifted,
        )
        epoch.audits.append(record)
