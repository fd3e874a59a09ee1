"""Incident: a group of alerts with a life (triggered, acknowledged, resolved).

In `decide` the incident travels as a value. Each part of it has one owner: the top level
belongs to correlate, `unusual` and `preceded_by` to sense, `classification` to classify, `risk` to
foresee, `routing` to route. Parts of later stages are added with a default.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from pipeline.domain.reason import ReasonLine

TRIGGERED: Final = "triggered"
ACKNOWLEDGED: Final = "acknowledged"
RESOLVED: Final = "resolved"

ALERTS_LISTED_MAX: Final = 40
"""An incident lists its first and its latest 20 alerts and counts the rest."""

NOTES_MAX: Final = 50
SERVICES_MAX: Final = 50


class AlertRef(Struct, frozen=True, kw_only=True):
    """One alert of an incident, as far as a reader needs it."""

    fingerprint: str
    alert_id: str
    name: str
    severity: str
    status: str
    service: str = ""
    instance: str = ""
    description: str = ""
    starts_at_ms: int = 0
    ends_at_ms: int = 0


class Note(Struct, frozen=True, kw_only=True):
    """What a person wrote on an incident."""

    at_ms: int
    author: str
    text: str


class Delivery(Struct, frozen=True, kw_only=True):
    """What one receiver was told about one incident, and what it answered.

    `action` is the last one asked for, `sequence` its number (from 1), `result` the word of
    its receipt ("" while none came), `ref` what the receiver gave back. `acknowledged_at_ms` is
    the instant of the acknowledgement that it was told of (0: of none).
    """

    receiver: str
    action: str
    severity: str
    sequence: int
    notified_at_ms: int
    result: str = ""
    ref: str = ""
    acknowledged_at_ms: int = 0


class Held(Struct, frozen=True, kw_only=True):
    """Why one receiver is not told just now: the name of route's reason, and until when it
    holds (0: until something changes).
    """

    receiver: str
    reason: str
    until_ms: int = 0


class Routing(Struct, frozen=True, kw_only=True):
    """Route's part: whom it told, whom it did not and why, what mutes it, and when it looks
    again (0: never). `paused_until_ms` is until when it is held back as quiet, or when that ended
    (0: it never was), `paused_severity` how severe it was when that began.
    """

    deliveries: tuple[Delivery, ...] = ()
    muted_by: tuple[str, ...] = ()
    look_at_ms: int = 0
    held: tuple[Held, ...] = ()
    paused_until_ms: int = 0
    paused_severity: str = ""


class Evidence(Struct, frozen=True):
    """One feature that spoke for a label, with its weight: in log-odds where a model weighed it,
    0 where it is what a rule went by.
    """

    feature: str
    weight: float = 0.0


class Judgement(Struct, frozen=True, kw_only=True):
    """What one head was decided to be: `label` ("" where nothing is known of it), and `reason`,
    the name of classify's reason.

    `confidence` is the calibrated chance that a model's label is right, 0 where a rule decided:
    rules are not calibrated. `candidates` are the labels that conform, the likeliest first: more
    than one, or none, says that a model was not sure, and then the rules decided.
    """

    label: str = ""
    reason: str = ""
    confidence: float = 0.0
    candidates: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


class Classification(Struct, frozen=True, kw_only=True):
    """Classify's part: what kind of trouble it is, how bad, whose, and whether it is any.

    `category` is `<kind>/<sub-kind>`; urgency and impact are high, medium or low; `noise` and
    `self_resolving` are yes or no. `noise_chance` and `self_resolving_chance` are the chances of
    yes, -1 where no model says any. `quiet_head` names the one of these two heads by which it may
    be held back, from a chance of `quiet_from` on ("": it may not; -1: nothing may yet). `version`
    is that of the model that was asked, or `rules` ("": not classified).
    """

    category: Judgement = Judgement()
    severity: Judgement = Judgement()
    urgency: Judgement = Judgement()
    impact: Judgement = Judgement()
    team: Judgement = Judgement()
    noise: Judgement = Judgement()
    self_resolving: Judgement = Judgement()
    noise_chance: float = -1.0
    self_resolving_chance: float = -1.0
    quiet_head: str = ""
    quiet_from: float = -1.0
    version: str = ""
    decided_at_ms: int = 0


class Risk(Struct, frozen=True, kw_only=True):
    """Foresee's part: the `chance` that the incident's service has an incident within `horizon_ms`
    from `at_ms` on (-1: none is known), by which version of the model, and what spoke most for it.
    """

    chance: float = -1.0
    horizon_ms: int = 0
    at_ms: int = 0
    version: str = ""
    evidence: tuple[Evidence, ...] = ()


class Unusual(Struct, frozen=True, kw_only=True):
    """One series of the incident's alerts that does what it did not before.

    `kind` is RATE (alerts of a rule on a service, per window of `window_ms`) or VALUE (of a metric
    of a service, as alerts carry it); `series` names it. `value` is the point that began at
    `at_ms`, `expected` what was usual then, `low` to `high` the usual band around that; `strength`
    is how far the point goes beyond all that was seen.
    """

    series: str
    kind: str
    at_ms: int
    value: float
    expected: float
    low: float
    high: float
    strength: float
    window_ms: int = 0


RATE: Final = "rate"
VALUE: Final = "value"

UNUSUAL_MAX: Final = 3
"""An incident shows the strongest so many."""


class Preceded(Struct, frozen=True, kw_only=True):
    """An alarm, as `<rule> on <service>`, that usually comes before `effect`, one of the
    incident's: by `usual_ms` in the middle, and this time by `before_ms` (-1: it did not come).
    `strength` is how far that is beyond chance, in standard deviations.
    """

    cause: str
    effect: str
    usual_ms: int
    strength: float
    before_ms: int = -1


PRECEDED_MAX: Final = 5
"""An incident names the strongest so many."""


class Incident(Struct, frozen=True, kw_only=True):
    """One incident, whole. `incident_id` is `<scope_id>.<n>`; instants are 0 where open.

    `alert_count` counts distinct fingerprints, `firing_count` those that fire now,
    `event_count` every alert received; `alerts` lists at most ALERTS_LISTED_MAX of them.
    `labels` are those that all its alerts share.
    """

    incident_id: str
    scope_id: str
    tenant: str
    status: str
    title: str
    severity: str
    group_key: str
    rule: str
    service: str = ""
    environment: str = ""
    region: str = ""
    cluster: str = ""
    description: str = ""
    services: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    alerts: tuple[AlertRef, ...] = ()
    alert_count: int = 0
    firing_count: int = 0
    event_count: int = 0
    starts_at_ms: int = 0
    received_at_ms: int = 0
    opened_at_ms: int = 0
    updated_at_ms: int = 0
    acknowledged_at_ms: int = 0
    acknowledged_by: str = ""
    resolved_at_ms: int = 0
    resolved_by: str = ""
    snoozed_until_ms: int = 0
    assigned_to: str = ""
    merged_into: str = ""
    merged_from: tuple[str, ...] = ()
    reopened_count: int = 0
    notes: tuple[Note, ...] = ()
    reasons: tuple[ReasonLine, ...] = ()
    routing: Routing = Routing()
    classification: Classification = Classification()
    trace_id: str = ""
    origin: str = ""
    version: int = 1
    is_test: bool = False
    unusual: tuple[Unusual, ...] = ()
    preceded_by: tuple[Preceded, ...] = ()
    risk: Risk = Risk()

    @property
    def is_open(self) -> bool:
        """Whether somebody may still have to act."""
        return self.status != RESOLVED
