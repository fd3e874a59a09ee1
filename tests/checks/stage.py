"""The one battery for every stage: it is deterministic, stays in its tables, and passes on what
it does not accept.

`events` gives hypothesis strategies for each type that a stage may accept; a new stage is found
through the registry and tested without a line here, unless it accepts a new type.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from pipeline.domain.alert import SEVERITIES, Alert
from pipeline.domain.call import CallResult
from pipeline.domain.catalog import Change, ChangeEntry
from pipeline.domain.command import KINDS, Command
from pipeline.domain.incident import Incident
from pipeline.domain.model import HEADS
from pipeline.domain.notification import ACTIONS, RESULTS, Notification, Receipt
from pipeline.domain.outcome import Outcome
from pipeline.domain.raw import RawAlert
from pipeline.domain.record import Record
from pipeline.domain.sink import Delivered, Refused, Retry
from pipeline.domain.stage import Stage, Update
from tests.chain import START_MS, WRITES, Chain

SCOPE = "5c09e00000000000"
words = st.sampled_from(["", "web", "db", "a b", "é", "\U0001f514", "x" * 300])
instants = st.sampled_from([0, 1, START_MS - 60_000, START_MS, START_MS + 60_000, 2**45])
small_maps = st.dictionaries(
    st.sampled_from(["team", "runbook", "group_key", "é"]), words, max_size=3
)

alerts = st.builds(
    Alert,
    alert_id=st.sampled_from(["o-1", "o-2", "k-1", "k-2"]),
    fingerprint=st.sampled_from([f"{n:016x}" for n in range(5)]),
    name=words,
    severity=st.sampled_from(SEVERITIES),
    status=st.sampled_from(["firing", "resolved"]),
    service=words,
    region=words,
    starts_at_ms=instants,
    ends_at_ms=instants,
    received_at_ms=instants,
    labels=small_maps,
    annotations=small_maps,
    is_test=st.booleans(),
)
ids = st.sampled_from([f"{SCOPE}.{n}" for n in range(1, 4)])
commands = st.builds(
    Command,
    command_id=st.sampled_from(["c1", "c2"]),
    kind=st.sampled_from([*KINDS, "unheard-of"]),
    incident_id=ids,
    scope_id=st.just(SCOPE),
    tenant=st.just("default"),
    author=words,
    text=words,
    until_ms=instants,
    into=ids,
    severity=st.sampled_from([*SEVERITIES, "nonsense"]),
    created_at_ms=instants,
    part=st.sampled_from(["", "web", f"{0:016x}"]),
)
receipts = st.builds(
    Receipt,
    notification_id=words,
    incident_id=ids,
    scope_id=st.just(SCOPE),
    tenant=st.just("default"),
    receiver=st.sampled_from(["on-call", "gone"]),
    sequence=st.integers(0, 3),
    action=st.sampled_from(ACTIONS),
    result=st.sampled_from(RESULTS),
)
notifications = st.builds(
    Notification,
    notification_id=words,
    incident_id=ids,
    scope_id=st.just(SCOPE),
    tenant=st.just("default"),
    receiver=st.sampled_from(["on-call", "gone"]),
    sequence=st.integers(1, 5),
    action=st.sampled_from(ACTIONS),
    title=words,
    severity=st.sampled_from(SEVERITIES),
    status=st.just("triggered"),
)
incidents = st.builds(
    Incident,
    incident_id=ids,
    scope_id=st.just(SCOPE),
    tenant=st.just("default"),
    status=st.sampled_from(["triggered", "acknowledged", "resolved"]),
    title=words,
    severity=st.sampled_from(SEVERITIES),
    group_key=words,
    rule=words,
    service=words,
    labels=small_maps,
    annotations=small_maps,
    firing_count=st.integers(0, 3),
    opened_at_ms=instants,
    snoozed_until_ms=instants,
    resolved_at_ms=instants,
    is_test=st.booleans(),
)
results = st.builds(
    CallResult,
    key=ids.map(lambda incident_id: f"on-call/{incident_id}/00000001"),
    attempt=st.integers(0, 2),
    delivered=st.none() | st.builds(Delivered, ref=words),
    retry=st.none() | st.builds(Retry, why=words, after_s=st.floats(0, 1e6)),
    refused=st.none() | st.builds(Refused, why=words),
)
changes = st.builds(
    Change,
    service=words,
    entries=st.lists(
        st.builds(
            ChangeEntry,
            change_id=st.sampled_from(["1", "2", "3"]),
            kind=words,
            summary=words,
            at_ms=instants,
        ),
        max_size=3,
    ).map(tuple),
)
raws = st.builds(
    RawAlert,
    value=st.binary(max_size=60)
    | st.fixed_dictionaries({"name": words, "status": words}).map(lambda v: json.dumps(v).encode()),
)
outcomes = st.builds(
    Outcome,
    model=st.sampled_from(["incidents@a", "incidents+b"]),
    incident_id=ids,
    tenant=st.just("default"),
    version=words,
    features_version=st.sampled_from([0, 1, 2]),
    rows=st.lists(st.integers(0, 65_535), max_size=4, unique=True).map(sorted).map(tuple),
    dense=st.just((0.0,) * 16),
    labels=st.dictionaries(st.sampled_from([*HEADS, "unheard-of"]), words, max_size=3),
)
EVENTS: dict[type, st.SearchStrategy[Any]] = {
    Alert: alerts,
    Command: commands,
    Receipt: receipts,
    Notification: notifications,
    CallResult: results,
    RawAlert: raws,
    Change: changes,
    Outcome: outcomes,
    Update: st.builds(Update, incident=incidents, cause=alerts | commands | receipts),
}
TOPICS = {
    Alert: "alerts",
    Command: "commands",
    Receipt: "receipts",
    Notification: "notifications",
    RawAlert: "raw-alerts",
    Change: "changes",
    Outcome: "outcomes",
    CallResult: "results",
    Update: "alerts",
}


def events_for(stage: Stage) -> st.SearchStrategy[list[Any]]:
    """Up to eight events of the types that a stage accepts."""
    return st.lists(st.one_of(*(EVENTS[kind] for kind in stage.accepts)), max_size=8)


class Inlet:
    """Stands before a stage: it turns a record into the event at hand, whatever its type."""

    name = "inlet"
    accepts = (RawAlert, Alert)
    tables: tuple[Any, ...] = ()

    def __init__(self, events: Sequence[Any]) -> None:
        self._events = events

    def process(self, event: Any, ctx: Any) -> None:
        """Forward the event whose number the record carries as its key."""
        key = event.key if isinstance(event, RawAlert) else event.name
        ctx.forward(self._events[int(key)])

    def wake(self, key: str, ctx: Any) -> None:
        """Never asked for."""


class Outlet:
    """Stands behind a stage and takes whatever it forwards."""

    name = "outlet"
    tables: tuple[Any, ...] = ()

    def __init__(self) -> None:
        self.accepts = tuple(EVENTS)
        self.taken: list[Any] = []

    def process(self, event: Any, ctx: Any) -> None:
        """Keep the event."""
        self.taken.append(event)

    def wake(self, key: str, ctx: Any) -> None:
        """Never asked for."""


def world(stage: Stage, events: Sequence[Any]) -> tuple[Chain, Outlet, list[Record]]:
    """A chain around the stage, and one record per event."""
    outlet = Outlet()
    lookups: dict[str, dict[str, Any]] = {
        "services": {}, "changes": {}, "silences": {}, "models": {},
    }  # fmt: skip
    writes = WRITES
    chain = Chain([Inlet(events), stage, outlet], writes=writes, lookups=lookups)
    records = [chain.record("raw-alerts", str(n), b"-") for n in range(len(events))]
    return chain, outlet, records


def check_same_events_same_digest(build: Callable[[], Stage], events: Sequence[Any]) -> None:
    """Two instances do the same; a batch run again after a rollback does the same."""
    digests = []
    for _ in range(2):
        chain, _, records = world(build(), events)
        chain.task.run(records, chain.now_ms)
        chain.task.rollback()
        effects = chain.run(records)
        assert effects.raised == 0, [o.event for o in effects.outputs if o.topic == "dead-letters"]
        digests.append(effects.journal.digest)
        chain.advance("1d")
        assert chain.reasons.get("dead-letter.raised", 0) == 0, chain.outputs("dead-letters")
    assert digests[0] == digests[1]


def check_batches_do_not_matter(build: Callable[[], Stage], events: Sequence[Any]) -> None:
    """One epoch of all events leaves the same rows as one epoch per event."""
    together, _, records = world(build(), events)
    together.run(records)
    apart, _, singles = world(build(), events)
    for record in singles:
        apart.run([record])
    for spec in build().tables:
        assert together.table(spec) == apart.table(spec), spec.name


def check_foreign_events_pass_unchanged(stage: Stage, event: Any) -> None:
    """What a stage does not accept passes on to the next stage as it is."""
    if type(event) in stage.accepts:
        return
    chain, outlet, records = world(stage, [event])
    effects = chain.run(records)
    assert outlet.taken == [event]
    assert effects.outputs == []
