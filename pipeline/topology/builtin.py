"""The stream that a file need not state: its topics, its agents, and what the edge writes."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from pipeline.domain.units import Duration
from pipeline.topology.declared import AgentSpec, TopicSpec

_DAY: Final = 86_400_000

TOPICS: Final = MappingProxyType(
    {
        "raw-alerts": TopicSpec(
            key="fingerprint",
            retention=Duration(30 * _DAY),
            description="Alerts as they came, from the edge and from foreign producers.",
        ),
        "alerts": TopicSpec(
            schema="Alert", key="scope_id", description="Alerts, normalised and enriched."
        ),
        "incidents": TopicSpec(
            schema="Incident",
            key="incident_id",
            cleanup="compact",
            description="Each incident as it now is.",
        ),
        "notifications": TopicSpec(
            schema="Notification", key="receiver", description="Whom to tell what."
        ),
        "receipts": TopicSpec(
            schema="Receipt",
            key="scope_id",
            retention=Duration(90 * _DAY),
            description="What became of each notification.",
        ),
        "commands": TopicSpec(
            schema="Command",
            key="scope_id",
            description="What people and remote systems ask of an incident.",
        ),
        "silences": TopicSpec(
            schema="Silence",
            key="silence_id",
            cleanup="compact",
            partitions=1,
            description="Silences and maintenances: a global.",
        ),
        "services": TopicSpec(
            schema="Service",
            key="service",
            cleanup="compact",
            partitions=1,
            description="The service catalog: a global.",
        ),
        "changes": TopicSpec(
            schema="Change",
            key="service",
            cleanup="compact",
            partitions=1,
            description="The latest deploys and configuration changes of each service: a global.",
        ),
        "outcomes": TopicSpec(
            schema="Outcome",
            key="model",
            partitions=1,
            retention=Duration(90 * _DAY),
            description="What was decided of incidents, and what turned out: what models learn.",
        ),
        "models": TopicSpec(
            schema="ModelRecord",
            key="model, or model/slot/chunk",
            cleanup="compact",
            partitions=1,
            retention=Duration(2 * _DAY),
            description="Snapshots of the models, and how good each is: a global.",
        ),
        "dead-letters": TopicSpec(
            schema="DeadLetter",
            key="source topic",
            retention=Duration(30 * _DAY),
            description="Events that could not be processed, with their reason.",
        ),
        "audit": TopicSpec(
            schema="AuditRecord",
            key="tenant",
            retention=Duration(90 * _DAY),
            description="Decisions with their reasons.",
        ),
        "journal": TopicSpec(
            schema="JournalRecord",
            key="task",
            retention=Duration(30 * _DAY),
            description="What each epoch read, in which order, at what time.",
        ),
    }
)
"""Every topic of the stream. A file that states one changes only the fields that it states."""

AGENTS: Final = MappingProxyType(
    {
        "intake": AgentSpec(
            reads=("raw-alerts",),
            stages=("ingest", "enrich"),
            writes=("alerts",),
            looks_up=("services", "changes"),
        ),
        "decide": AgentSpec(
            reads=("alerts", "commands"),
            returns=("receipts",),
            stages=("watch", "correlate", "sense", "classify", "foresee", "route"),
            writes=("incidents", "notifications", "audit", "alerts", "outcomes", "models"),
            looks_up=("silences", "services", "changes", "models"),
        ),
        "announce": AgentSpec(
            reads=("changes",), stages=("announce",), writes=("notifications", "audit")
        ),
        "deliver": AgentSpec(
            reads=("notifications",), stages=("send",), writes=("receipts", "audit")
        ),
        "learn": AgentSpec(reads=("outcomes",), stages=("fit",), writes=("models", "audit")),
    }
)
"""Every agent, in stream order. A file that states `agents` states all that there are."""

EDGE_WRITES: Final = frozenset(
    {"raw-alerts", "commands", "silences", "services", "changes", "outcomes"}
)
"""Topics that the edge and the CLI write; on `outcomes` what people order of a model."""

ENGINE_WRITES: Final = frozenset({"dead-letters", "journal"})
"""Topics that every agent writes by itself."""

GLOBALS: Final = frozenset({"silences", "services", "changes", "models"})
"""Topics that agents may look up."""

PAST_GLOBALS: Final = GLOBALS - {"models"}
"""Globals of which is kept what held at any time that the journal reaches back to. A snapshot has
some megabytes, four times a day: of models no more is kept than their topic's retention says, and
a replay from before shows where others decide now."""
