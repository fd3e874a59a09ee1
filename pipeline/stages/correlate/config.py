"""The section `correlate` of topology.yaml: which alerts belong together, for how long."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from pipeline.domain.rules import RULES_MAX, compile_rule
from pipeline.domain.units import Duration

Count = Annotated[int, Meta(ge=1, le=1_000_000)]


class GroupRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Alerts for which `when` holds and whose `group_by` values are equal form a group."""

    name: str
    """The word for it in reasons, incidents and group keys."""
    when: str = "true"
    """A CEL condition over `alert`; at most 2 kB. What it asks for and is absent is false."""
    group_by: tuple[str, ...] = ()
    """Fields of the alert, else labels, whose values make the group; none: one group per scope."""
    gap: Duration = Duration(600_000)
    """A longer pause between two alerts, by their own times, begins a new group; off: the group
    lasts as long as its incident is open."""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a rule needs a name: it is shown wherever the rule decides")
        compile_rule(self.when)


BY_SERVICE: Final = GroupRule(name="by-service", when='alert.service != ""', group_by=("service",))
"""The rule of a file that states none: what a service suffers at one time is one incident."""


class Small(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Narrower limits for an incident of few alerts: chance brings two strangers together far
    more often than it adds one to a crowd.
    """

    alerts: Annotated[int, Meta(ge=2, le=100)] = 3
    """An incident with fewer distinct alerts is small."""
    hops: Annotated[int, Meta(ge=0, le=5)] = 1
    """As `hops` of the dependency."""
    gap: Duration = Duration(60_000)
    """As `gap` of the dependency."""


class Dependency(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Groups of services that need each other are linked into one incident."""

    hops: Annotated[int, Meta(ge=0, le=5)] = 2
    """How far apart in the catalog's graph, in either direction; 0 links a service to itself."""
    gap: Duration = Duration(180_000)
    """How long at most between an alert and the nearest alert of the incident at a service."""
    same: tuple[str, ...] = ("region",)
    """Fields of the alert, else labels, that must be equal."""
    small: Small | None = Small()
    """Limits that hold while an incident is small; null: the same for all."""


class Links(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Links along the catalog's graph are learned from what people merge, split and leave."""

    learn: bool = True
    """Learn per tenant or pool which alerts belong together; what was learned decides in the
    place of the dependency's limits once 500 pairs have turned out. `same` holds in any case."""


class Flap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alert that changes too often stays firing until it is calm."""

    changes: Annotated[int, Meta(ge=0, le=100)] = 4
    """More status changes than this within `window` are flapping; 0 turns it off."""
    window: Duration = Duration(600_000)
    """In which the changes are counted, by the alerts' own times."""
    hold: Duration = Duration(300_000)
    """A flapping alert counts as firing until it has not changed for so long."""


class CorrelateConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How alerts become incidents. Every bound says what happens when it is reached."""

    rules: tuple[GroupRule, ...] = (BY_SERVICE,)
    """The first that matches groups the alert; none does: it stands alone. At most 1,000."""
    dependency: Dependency | None = Dependency()
    """Links groups along the catalog's graph; null: groups stay apart."""
    links: Links = Links()
    """Whether the dependency's limits are followed only until better ones are learned."""
    flap: Flap = Flap()
    """When an alert counts as flapping."""
    quiet: Duration = Duration(60_000)
    """An incident resolves when none of its alerts has fired for so long; off: at once."""
    reopen: Duration = Duration(1_800_000)
    """An incident resolved for less than this is opened again instead of a new one."""
    refire: Duration = Duration(14_400_000)
    """An alert that still fires so long after a person resolved its incident fires anew; off:
    it stays quiet until it resolves and fires again, or its severity rises."""
    resolve_timeout: Duration = Duration(604_800_000)
    """A firing alert not heard of for so long counts as resolved."""
    remember: Duration = Duration(86_400_000)
    """How long a resolved alert, a closed incident's counts and an idempotency key are known."""
    open_incidents_max: Count = 10_000
    """Per scope; beyond it alerts that would open one join the scope's overflow incident."""
    alerts_per_incident_max: Count = 1_000
    """Distinct alerts; further ones are counted and resolve, but are neither listed nor shown
    one by one: the incident then changes once a minute, with its severity, and at its end."""

    def __post_init__(self) -> None:
        if len(self.rules) > RULES_MAX:
            raise ValueError(f"{len(self.rules)} rules; at most {RULES_MAX} are allowed")
        names = [rule.name for rule in self.rules]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"two rules are named {doubled[0]!r}: rename one")
        for what in ("resolve_timeout", "remember"):
            if getattr(self, what) == 0:
                raise ValueError(f"{what} cannot be off: state would grow without end")


REFRESH_MS: Final = 60_000
"""Repeated alerts change the counts of their incident at most this often."""

TEXT_SHOWN_MAX: Final = 2_000
"""Characters of a description or annotation that an incident carries; longer ones are cut."""
