"""The account as JSON: users, services, policies, schedules and on-calls, drawn as PagerDuty does.

`base_url` is the address under which the simulator was called: clients follow `self` links.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pipeline.simulate.pagerduty.directory import Directory, Policy, Schedule, Service, User

_PATHS: Final = {
    "user": "users",
    "service": "services",
    "escalation_policy": "escalation_policies",
    "schedule": "schedules",
    "incident": "incidents",
    "alert": "alerts",
    "trigger_log_entry": "log_entries",
    "integration": "integrations",
}
Json = dict[str, Any]


def iso(at_ms: int) -> str:
    """An instant as PagerDuty writes it, to the second."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_or_none(at_ms: int | None) -> str | None:
    """The same where the instant may not have come."""
    return None if at_ms is None else iso(at_ms)


def reference(kind: str, id_: str, summary: str, base_url: str, path: str = "") -> Json:
    """A short form of a resource, which names it and links to it."""
    where = path or f"{_PATHS[kind]}/{id_}"
    return {
        "id": id_,
        "type": f"{kind}_reference",
        "summary": summary,
        "self": f"{base_url}/{where}",
        "html_url": f"{base_url}/{where}",
    }


def whole(kind: str, id_: str, summary: str, base_url: str, path: str = "") -> Json:
    """The head of a full resource."""
    return {**reference(kind, id_, summary, base_url, path), "type": kind}


class AccountShapes:
    """Draws what is configured."""

    def __init__(self, directory: Directory, base_url: str) -> None:
        self.directory = directory
        self.base_url = base_url

    def user_reference(self, user_id: str) -> Json:
        """A user, in short."""
        user = self.directory.users[user_id]
        return reference("user", user.id, user.name, self.base_url)

    def service_reference(self, service_id: str) -> Json:
        """A service, in short."""
        service = self.directory.services[service_id]
        return reference("service", service.id, service.name, self.base_url)

    def policy_reference(self, policy_id: str) -> Json:
        """An escalation policy, in short."""
        policy = self.directory.policies[policy_id]
        return reference("escalation_policy", policy.id, policy.name, self.base_url)

    def user(self, user: User) -> Json:
        """A user."""
        return {
            **whole("user", user.id, user.name, self.base_url),
            "name": user.name,
            "email": user.email,
            "time_zone": user.time_zone,
            "color": "green",
            "role": user.role,
            "description": None,
            "invitation_sent": False,
            "job_title": "On call",
            "teams": [],
            "contact_methods": [],
            "notification_rules": [],
        }

    def policy(self, policy: Policy) -> Json:
        """An escalation policy with its rules."""
        return {
            **whole("escalation_policy", policy.id, policy.name, self.base_url),
            "name": policy.name,
            "description": "",
            "num_loops": policy.loops,
            "on_call_handoff_notifications": "if_has_services",
            "escalation_rules": [
                {
                    "id": rule.id,
                    "escalation_delay_in_minutes": rule.delay_minutes,
                    "targets": [self._target(kind, id_) for kind, id_ in rule.targets],
                    "escalation_rule_assignment_strategy": "assign_to_everyone",
                }
                for rule in policy.rules
            ],
            "services": [
                self.service_reference(service.id)
                for service in self.directory.services.values()
                if service.policy_id == policy.id
            ],
            "teams": [],
        }

    def schedule(
        self, schedule: Schedule, now_ms: int, window: tuple[int, int] | None = None
    ) -> Json:
        """A schedule; with a window (epoch ms) its shifts are rendered, cut to the window."""
        entries = []
        if window is not None:
            entries = [
                {
                    "user": self.user_reference(user_id),
                    "start": iso(max(start_ms, window[0])),
                    "end": iso(min(end_ms, window[1])),
                }
                for user_id, start_ms, end_ms in schedule.shifts(*window)
            ]
        users = [self.user_reference(user_id) for user_id in schedule.user_ids]
        rendered = {
            "rendered_schedule_entries": entries,
            "rendered_coverage_percentage": 100.0 if entries else None,
        }
        return {
            **whole("schedule", schedule.id, schedule.name, self.base_url),
            "name": schedule.name,
            "description": "",
            "time_zone": schedule.time_zone,
            "schedule_layers": [
                {
                    "id": schedule.layer_id,
                    "name": "Layer 1",
                    "start": iso(schedule.starts_at_ms),
                    "end": None,
                    "rotation_virtual_start": iso(schedule.starts_at_ms),
                    "rotation_turn_length_seconds": schedule.turn_ms // 1000,
                    "users": [{"user": user} for user in users],
                    "restrictions": [],
                    **rendered,
                }
            ],
            "final_schedule": {"name": "Final Schedule", **rendered},
            "overrides_subschedule": {
                "name": "Overrides",
                "rendered_schedule_entries": [],
                "rendered_coverage_percentage": 0.0 if window else None,
            },
            "escalation_policies": [
                self.policy_reference(policy.id)
                for policy in self.directory.policies.values()
                if any(("schedule", schedule.id) in rule.targets for rule in policy.rules)
            ],
            "users": users,
            "teams": [],
        }

    def service(self, service: Service, *, with_integrations: bool = False) -> Json:
        """A service; its status follows from its open incidents."""
        draw = self.integration if with_integrations else self.integration_reference
        return {
            **whole("service", service.id, service.name, self.base_url),
            "name": service.name,
            "description": service.description,
            "created_at": iso(service.created_at_ms),
            "status": service.status,
            "auto_resolve_timeout": service.auto_resolve_timeout_s,
            "acknowledgement_timeout": service.acknowledgement_timeout_s,
            "last_incident_timestamp": iso_or_none(service.last_incident_at_ms),
            "escalation_policy": self.policy_reference(service.policy_id),
            "teams": [],
            "integrations": [draw(service)],
            "incident_urgency_rule": {"type": "constant", "urgency": "severity_based"},
            "support_hours": None,
            "scheduled_actions": [],
            "alert_creation": "create_alerts_and_incidents",
            "alert_grouping_parameters": {"type": None},
        }

    def integration_reference(self, service: Service) -> Json:
        """The service's only integration, in short."""
        return {
            **self.integration(service),
            "type": "events_api_v2_inbound_integration_reference",
        }

    def integration(self, service: Service) -> Json:
        """The integration through which the service's events come."""
        return {
            **whole(
                "integration",
                service.integration_id,
                "Events API V2",
                self.base_url,
                f"services/{service.id}/integrations/{service.integration_id}",
            ),
            "type": "events_api_v2_inbound_integration",
            "name": "Events API V2",
            "service": self.service_reference(service.id),
            "created_at": iso(service.created_at_ms),
            "integration_key": service.routing_key,
        }

    def on_call(self, on_call: Mapping[str, Any]) -> Json:
        """One person who is on call, by which policy, level and schedule, and how long."""
        schedule_id = on_call["schedule_id"]
        schedule = self.directory.schedules.get(schedule_id) if schedule_id else None
        return {
            "escalation_policy": self.policy_reference(on_call["policy_id"]),
            "escalation_level": on_call["level"],
            "user": self.user_reference(on_call["user_id"]),
            "schedule": reference("schedule", schedule.id, schedule.name, self.base_url)
            if schedule
            else None,
            "start": iso_or_none(on_call["start_ms"]),
            "end": iso_or_none(on_call["end_ms"]),
        }

    def _target(self, kind: str, target_id: str) -> Json:
        if kind == "user":
            return self.user_reference(target_id)
        schedule = self.directory.schedules[target_id]
        return reference("schedule", schedule.id, schedule.name, self.base_url)
