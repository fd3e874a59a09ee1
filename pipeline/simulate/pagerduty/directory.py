"""The small, always equal account that the simulator serves: people, schedule, policy, services.

Four users; a weekly rotation of three of them; one escalation policy that pages who is on call
and after 30 minutes the fourth. A service comes into being with the first call of its routing
key, so nobody has to configure anything. Ids follow from a counter: two runs give equal ids.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

SERVICES_MAX: Final = 10_000
WEEK_MS: Final = 7 * 24 * 3600 * 1000
ROTATION_START_AT_MS: Final = 1_704_096_000_000  # Monday 2024-01-01T08:00:00Z


class Ids:
    """Ids in PagerDuty's shape: capital letters and digits, `P` first for what is configured."""

    def __init__(self) -> None:
        self._last = 0

    def next(self, prefix: str = "Q", width: int = 13) -> str:
        """The next id: `prefix` and a counter in base 16, padded to `width`."""
        self._last += 1
        return f"{prefix}{self._last:0{width}X}"


@dataclass(frozen=True, slots=True)
class User:
    """A person of the account."""

    id: str
    name: str
    email: str
    role: str
    time_zone: str = "Etc/UTC"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A weekly rotation: the user at place (weeks since the start) modulo their number."""

    id: str
    name: str
    layer_id: str
    user_ids: tuple[str, ...]
    time_zone: str = "Etc/UTC"
    starts_at_ms: int = ROTATION_START_AT_MS
    turn_ms: int = WEEK_MS

    def shift(self, at_ms: int) -> tuple[str, int, int]:
        """Who is on call at an instant, with the bounds of the shift [start, end)."""
        turn = (at_ms - self.starts_at_ms) // self.turn_ms
        start = self.starts_at_ms + turn * self.turn_ms
        return self.user_ids[turn % len(self.user_ids)], start, start + self.turn_ms

    def shifts(self, since_ms: int, until_ms: int) -> list[tuple[str, int, int]]:
        """The shifts that overlap [since, until), in order."""
        found, at_ms = [], since_ms
        while at_ms < until_ms:
            shift = self.shift(at_ms)
            found.append(shift)
            at_ms = shift[2]
        return found


@dataclass(frozen=True, slots=True)
class Rule:
    """One level of an escalation policy: whom to page, and how long to wait for them."""

    id: str
    delay_minutes: int
    targets: tuple[tuple[str, str], ...]  # ("user" | "schedule", id)


@dataclass(frozen=True, slots=True)
class Policy:
    """An escalation policy: its rules in order, run through `loops` more times."""

    id: str
    name: str
    rules: tuple[Rule, ...]
    loops: int


@dataclass(slots=True)
class Service:
    """What incidents happen to; made for a routing key, changed by `PUT /services/{id}`."""

    id: str
    name: str
    integration_id: str
    routing_key: str
    policy_id: str
    created_at_ms: int
    description: str = ""
    is_disabled: bool = False
    acknowledgement_timeout_s: int | None = None
    auto_resolve_timeout_s: int | None = None
    last_incident_at_ms: int | None = None
    open_incident_ids: dict[str, None] = field(default_factory=dict)
    triggered: int = 0

    @property
    def status(self) -> str:
        """PagerDuty's word: disabled, critical (triggered ones), warning (open ones), active."""
        if self.is_disabled:
            return "disabled"
        if self.triggered:
            return "critical"
        return "warning" if self.open_incident_ids else "active"


class Directory:
    """All that is configured in the account."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        people = (
            ("Ada Bell", "ada@example.com", "admin"),
            ("Ben Chime", "ben@example.com", "user"),
            ("Cleo Gong", "cleo@example.com", "user"),
            ("Dora Peal", "dora@example.com", "owner"),
        )
        users = [User(self._new_id(), name, email, role) for name, email, role in people]
        self.users = {user.id: user for user in users}
        schedule = Schedule(
            self._new_id(), "Weekly rotation", self._new_id(), tuple(u.id for u in users[:3])
        )
        self.schedules = {schedule.id: schedule}
        rules = (
            Rule(self._new_id(), 30, (("schedule", schedule.id),)),
            Rule(self._new_id(), 30, (("user", users[3].id),)),
        )
        policy = Policy(self._new_id(), "Default", rules, loops=1)
        self.policies = {policy.id: policy}
        self.services: dict[str, Service] = {}
        self._service_ids_by_key: dict[str, str] = {}

    def user_by_email(self, email: str) -> User | None:
        """The user whom a `From` header names."""
        return next((u for u in self.users.values() if u.email == email.strip().lower()), None)

    def service_for(self, routing_key: str, now_ms: int) -> Service | None:
        """The service of a routing key, made at its first use; None at SERVICES_MAX."""
        known = self._service_ids_by_key.get(routing_key)
        if known is not None:
            return self.services[known]
        if len(self.services) >= SERVICES_MAX:
            return None
        number = len(self.services) + 1
        service = Service(
            self._new_id(),
            f"Service {number} (…{routing_key[-4:]})",
            self._new_id(),
            routing_key,
            next(iter(self.policies)),
            now_ms,
        )
        self.services[service.id] = service
        self._service_ids_by_key[routing_key] = service.id
        return service

    def on_call(self, policy_id: str, level: int, at_ms: int) -> list[str]:
        """The users whom a level (counted from 1) of a policy pages at an instant."""
        rules = self.policies[policy_id].rules
        rule = rules[min(level, len(rules)) - 1]
        found: dict[str, None] = {}
        for kind, target_id in rule.targets:
            user_id = target_id if kind == "user" else self.schedules[target_id].shift(at_ms)[0]
            found[user_id] = None
        return list(found)

    def _new_id(self) -> str:
        return self._ids.next("P", 6)
