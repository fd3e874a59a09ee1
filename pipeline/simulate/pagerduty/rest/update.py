"""What `PUT /incidents` may change, judged whole before anything happens.

`plan_update` raises what is wrong and returns the change as a step to take, so a bulk update is
all or nothing. Order of the parts: fields, assignment or policy or level, then status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.simulate.pagerduty.records import Incident
from pipeline.simulate.pagerduty.rest.ask import Ask, id_of, text_of
from pipeline.simulate.pagerduty.rest.errors import RestError, invalid

TITLE_LENGTH_MAX = 1_024
Step = Callable[[], object]


def plan_update(ask: Ask, incident: Incident, fields: Mapping[str, Any]) -> Step:
    """The change that `fields` ask for, as a step; RestError if any part of it cannot be."""
    steps = [
        *_plain(ask, incident, fields),
        *_assignment(ask, incident, fields),
        *_status(ask, incident, fields),
    ]

    def take() -> None:
        for step in steps:
            step()

    return take


def _plain(ask: Ask, incident: Incident, fields: Mapping[str, Any]) -> list[Step]:
    steps: list[Step] = []
    if "title" in fields:
        title = text_of(fields, "title", TITLE_LENGTH_MAX)
        steps.append(lambda: setattr(incident, "title", title))
    if "urgency" in fields:
        urgency = fields["urgency"]
        if urgency not in ("high", "low"):
            raise invalid("'urgency' must be high or low")
        steps.append(lambda: setattr(incident, "urgency", urgency))
    if steps:
        steps.append(lambda: setattr(incident, "updated_at_ms", ask.now_ms))
    return steps


def _assignment(ask: Ask, incident: Incident, fields: Mapping[str, Any]) -> list[Step]:
    incidents, agent, now_ms = ask.model.incidents, ask.agent, ask.now_ms
    asked = [n for n in ("assignments", "escalation_policy", "escalation_level") if n in fields]
    if not asked:
        return []
    if "assignments" in asked and len(asked) > 1:
        raise invalid("'assignments' cannot be combined with an escalation policy or level")
    if not incident.is_open:
        raise RestError(400, 1001)
    if "assignments" in asked:
        user_ids = _user_ids(ask, fields["assignments"])
        return [lambda: incidents.assign(incident, user_ids, agent, now_ms)]
    policy_id = incident.policy_id
    if "escalation_policy" in fields:
        policy_id = id_of(fields["escalation_policy"], "escalation_policy")
        if policy_id not in ask.model.directory.policies:
            raise RestError(400, 1014)
    level = fields.get("escalation_level", 1)
    levels = len(ask.model.directory.policies[policy_id].rules)
    if not isinstance(level, int) or isinstance(level, bool) or not 1 <= level <= levels:
        raise RestError(400, 1006, f"the policy has levels 1 to {levels}")
    return [lambda: incidents.escalate(incident, level, agent, now_ms, policy_id)]


def _status(ask: Ask, incident: Incident, fields: Mapping[str, Any]) -> list[Step]:
    incidents, agent, now_ms = ask.model.incidents, ask.agent, ask.now_ms
    status = fields.get("status")
    if status is None:
        return []
    if status not in ("triggered", "acknowledged", "resolved"):
        raise RestError(400, 1003, "'status' must be triggered, acknowledged or resolved")
    if incident.merged_into is not None:
        raise RestError(400, 1019)
    if status == "triggered":
        if not incident.is_open:
            return [lambda: incidents.reopen(incident, agent, now_ms)]
        return [lambda: incidents.unacknowledge(incident, agent, now_ms)]
    if not incident.is_open:
        raise RestError(400, 1001)
    if status == "acknowledged":
        if any(who == agent for who, _ in incident.acknowledged_by):
            raise RestError(400, 1002)
        return [lambda: incidents.acknowledge(incident, agent, now_ms)]
    note = str(fields.get("resolution") or "")
    return [lambda: incidents.resolve(incident, agent, now_ms, note)]


def _user_ids(ask: Ask, assignments: object) -> list[str]:
    if not isinstance(assignments, list) or not assignments:
        raise invalid("'assignments' is missing or not an array")
    found: dict[str, None] = {}
    for assignment in assignments:
        if not isinstance(assignment, dict):
            raise invalid("'assignments' must hold objects with an 'assignee'")
        user_id = id_of(assignment.get("assignee"), "assignee")
        if user_id not in ask.model.directory.users:
            raise RestError(400, 1007)
        found[user_id] = None
    return list(found)
