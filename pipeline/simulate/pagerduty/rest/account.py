"""REST endpoints for what is configured: users, services, policies, schedules, on-calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from pipeline.simulate.pagerduty.directory import Schedule, Service
from pipeline.simulate.pagerduty.rest.ask import Ask, Reply, id_of, text_of
from pipeline.simulate.pagerduty.rest.errors import RestError, invalid, not_found
from pipeline.simulate.pagerduty.rest.shapes import AccountShapes

WINDOW_MS_MAX: Final = 366 * 24 * 3600 * 1000
NAME_LENGTH_MAX: Final = 255
TIMEOUT_S_MAX: Final = 30 * 24 * 3600
T = TypeVar("T")


def list_users(ask: Ask) -> Reply:
    """`GET /users`, by `query` in name and e-mail."""
    users = ask.model.directory.users.values()
    return ask.page("users", _matching(ask, users, "name", "email"), _shapes(ask).user)


def get_user(ask: Ask) -> Reply:
    """`GET /users/{id}`."""
    user = _found(ask.model.directory.users, ask.ids[0], "User")
    return Reply(200, {"user": _shapes(ask).user(user)})


def get_current_user(ask: Ask) -> Reply:
    """`GET /users/me`: every token is taken for the account's first user."""
    return Reply(200, {"user": _shapes(ask).user(next(iter(ask.model.directory.users.values())))})


def list_services(ask: Ask) -> Reply:
    """`GET /services`, by `query` or `name`; `include[]=integrations` gives them whole."""
    services = _matching(ask, ask.model.directory.services.values(), "name")
    name = ask.one("name")
    if name is not None:
        services = [service for service in services if service.name == name]
    return ask.page("services", services, lambda service: _draw_service(ask, service))


def get_service(ask: Ask) -> Reply:
    """`GET /services/{id}`."""
    return Reply(200, {"service": _draw_service(ask, _service(ask))})


def get_integration(ask: Ask) -> Reply:
    """`GET /services/{id}/integrations/{integration_id}`."""
    service = _service(ask)
    if ask.ids[1] != service.integration_id:
        raise not_found("Integration")
    return Reply(200, {"integration": _shapes(ask).integration(service)})


def update_service(ask: Ask) -> Reply:
    """`PUT /services/{id}`: name, description, status, timeouts, escalation policy."""
    service, fields = _service(ask), ask.object("service")
    changes: dict[str, Any] = {}
    if "name" in fields:
        changes["name"] = _new_name(ask, service, text_of(fields, "name", NAME_LENGTH_MAX))
    if "description" in fields:
        changes["description"] = str(fields["description"] or "")[:1024]
    if "status" in fields:
        if fields["status"] not in ("active", "warning", "critical", "maintenance", "disabled"):
            raise invalid("'status' must be active or disabled")
        changes["is_disabled"] = fields["status"] == "disabled"
    for name in ("acknowledgement_timeout", "auto_resolve_timeout"):
        if name in fields:
            changes[f"{name}_s"] = _timeout(fields, name)
    if "escalation_policy" in fields:
        policy_id = id_of(fields["escalation_policy"], "escalation_policy")
        if policy_id not in ask.model.directory.policies:
            raise RestError(400, 1014)
        changes["policy_id"] = policy_id
    for name, value in changes.items():
        setattr(service, name, value)
    return get_service(ask)


def list_policies(ask: Ask) -> Reply:
    """`GET /escalation_policies`, by `query`."""
    policies = _matching(ask, ask.model.directory.policies.values(), "name")
    return ask.page("escalation_policies", policies, _shapes(ask).policy)


def get_policy(ask: Ask) -> Reply:
    """`GET /escalation_policies/{id}`."""
    policy = _found(ask.model.directory.policies, ask.ids[0], "Escalation Policy")
    return Reply(200, {"escalation_policy": _shapes(ask).policy(policy)})


def list_schedules(ask: Ask) -> Reply:
    """`GET /schedules`, by `query`."""
    schedules = _matching(ask, ask.model.directory.schedules.values(), "name")
    return ask.page("schedules", schedules, lambda one: _shapes(ask).schedule(one, ask.now_ms))


def get_schedule(ask: Ask) -> Reply:
    """`GET /schedules/{id}`; with `since` and `until` its shifts are rendered."""
    schedule = _schedule(ask)
    window = None
    if ask.one("since") is not None or ask.one("until") is not None:
        window = _window(ask, default_ms=14 * 24 * 3600 * 1000)
    return Reply(200, {"schedule": _shapes(ask).schedule(schedule, ask.now_ms, window)})


def list_schedule_users(ask: Ask) -> Reply:
    """`GET /schedules/{id}/users`: who has a shift in the window, now where none is given."""
    schedule, shapes = _schedule(ask), _shapes(ask)
    user_ids = dict.fromkeys(user_id for user_id, _, _ in schedule.shifts(*_window(ask)))
    users = [shapes.user(ask.model.directory.users[user_id]) for user_id in user_ids]
    return Reply(200, {"users": users})


def list_on_calls(ask: Ask) -> Reply:
    """`GET /oncalls`: by user, policy and schedule, in a window (now where none is given)."""
    directory = ask.model.directory
    since_ms, until_ms = _window(ask)
    found: list[Mapping[str, Any]] = []
    for policy in directory.policies.values():
        for level, rule in enumerate(policy.rules, start=1):
            for kind, target_id in rule.targets:
                shifts: list[tuple[str, int | None, int | None]] = [(target_id, None, None)]
                if kind == "schedule":
                    shifts = [*directory.schedules[target_id].shifts(since_ms, until_ms)]
                found += [
                    {
                        "policy_id": policy.id,
                        "level": level,
                        "user_id": user_id,
                        "schedule_id": target_id if kind == "schedule" else None,
                        "start_ms": start_ms,
                        "end_ms": end_ms,
                    }
                    for user_id, start_ms, end_ms in shifts
                ]
    for parameter, name in (
        ("user_ids", "user_id"),
        ("escalation_policy_ids", "policy_id"),
        ("schedule_ids", "schedule_id"),
    ):
        wanted = ask.many(parameter)
        if wanted:
            found = [one for one in found if one[name] in wanted]
    if ask.one("earliest") == "true":
        first: dict[tuple[Any, ...], Mapping[str, Any]] = {}
        for one in found:
            first.setdefault((one["policy_id"], one["level"], one["user_id"]), one)
        found = list(first.values())
    return ask.page("oncalls", found, _shapes(ask).on_call)


def _shapes(ask: Ask) -> AccountShapes:
    return AccountShapes(ask.model.directory, ask.base_url)


def _draw_service(ask: Ask, service: Service) -> dict[str, Any]:
    with_integrations = "integrations" in ask.many("include")
    return _shapes(ask).service(service, with_integrations=with_integrations)


def _service(ask: Ask) -> Service:
    return _found(ask.model.directory.services, ask.ids[0], "Service")


def _schedule(ask: Ask) -> Schedule:
    return _found(ask.model.directory.schedules, ask.ids[0], "Schedule")


def _found(known: Mapping[str, T], id_: str, what: str) -> T:
    one = known.get(id_)
    if one is None:
        raise not_found(what)
    return one


def _matching(ask: Ask, all_of_them: Iterable[T], *attributes: str) -> list[T]:
    query = (ask.one("query") or "").lower()
    return [
        one
        for one in all_of_them
        if any(query in str(getattr(one, attribute)).lower() for attribute in attributes)
    ]


def _window(ask: Ask, default_ms: int = 1) -> tuple[int, int]:
    since_ms = ask.time_ms("since")
    until_ms = ask.time_ms("until")
    since_ms = ask.now_ms if since_ms is None else since_ms
    until_ms = since_ms + default_ms if until_ms is None else until_ms
    if until_ms < since_ms or until_ms - since_ms > WINDOW_MS_MAX:
        raise RestError(400, 2005, "'until' must lie after 'since', by a year at most")
    return since_ms, max(until_ms, since_ms + 1)


def _new_name(ask: Ask, service: Service, name: str) -> str:
    for other in ask.model.directory.services.values():
        if other is not service and other.name == name:
            raise invalid("Name has already been taken")
    return name


def _timeout(fields: Mapping[str, Any], name: str) -> int | None:
    given = fields[name]
    if given is None or given == 0:
        return None
    if not isinstance(given, int) or not 0 < given <= TIMEOUT_S_MAX:
        raise invalid(f"'{name}' must be a number of seconds from 0 to {TIMEOUT_S_MAX}, or null")
    return given
