"""The topics as an AsyncAPI 3.0 document: what downstream consumers need to read them.

Channels are topics with their Kafka bindings, messages carry the Avro schemas of `schemas/`,
operations say which agent reads and writes what, seen from Tocsin.
Source: asyncapi.com/docs/reference/specification/v3.0.0; bindings/kafka 0.5.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import yaml

from pipeline.domain import record
from pipeline.topology.builtin import EDGE_WRITES, ENGINE_WRITES
from pipeline.topology.declared import TopicSpec, Topology
from pipeline.topology.desired import declared_settings

BINDING_VERSION: Final = "0.5.0"
AVRO_FORMAT: Final = "application/vnd.apache.avro;version=1.9.0"
"""The schemaFormat of an Avro schema in JSON form, as the specification lists it."""

RAW: Final = "RawAlert"
"""The message of a topic whose values are bytes as they came."""

_HEADERS: Final = {
    record.ORIGIN: "Position in raw-alerts or commands that this record derives from.",
    record.TENANT: "Whose alert it is.",
    record.TRACE: "Links the way of one alert, for people.",
    record.IDEMPOTENCY: "The sender's Idempotency-Key.",
    record.FORMAT: "The format of raw bytes; absent: it is sniffed.",
    record.SOURCE: "What sent raw bytes.",
}

Schemas = Mapping[str, Any]
"""Name of a topic value → its Avro schema, decoded."""


def render_asyncapi(topology: Topology, schemas: Schemas) -> str:
    """The document as YAML. Raises KeyError where a topic's schema is not among `schemas`."""
    document = describe_asyncapi(topology, schemas)
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def describe_asyncapi(topology: Topology, schemas: Schemas) -> dict[str, Any]:
    """The document as plain values. Raises KeyError where a schema is not among `schemas`."""
    used = sorted({_message_name(spec) for spec in topology.topics.values()})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": topology.app,
            "version": str(topology.version),
            "description": "The topics of this Tocsin. Read them read_committed.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/vnd.apache.avro",
        "channels": {
            name: _channel(topology, name, spec) for name, spec in topology.topics.items()
        },
        "operations": dict(_operations(topology)),
        "components": {
            "messages": {name: _message(name, schemas) for name in used},
            "schemas": {"headers": _headers()},
        },
    }


_BOUND: Final = ("retention.ms", "delete.retention.ms", "max.message.bytes")
"""The settings that the binding for Kafka has a place for."""


def _message_name(spec: TopicSpec) -> str:
    return spec.schema or RAW


def _channel(topology: Topology, name: str, spec: TopicSpec) -> dict[str, Any]:
    message = _message_name(spec)
    decided = declared_settings(topology, name)
    settings: dict[str, Any] = {"cleanup.policy": [spec.cleanup]}
    settings.update({key: int(decided[key]) for key in _BOUND if key in decided})
    return {
        "address": name,
        "description": spec.description or f"Declared in topology.yaml, keyed by {_key(spec)}.",
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {
            "kafka": {
                "topic": name,
                "partitions": topology.partitions(name),
                "replicas": topology.defaults.replication,
                "topicConfiguration": settings,
                "bindingVersion": BINDING_VERSION,
            }
        },
        "x-key": _key(spec),
    }


def _key(spec: TopicSpec) -> str:
    return spec.key or "any or none"


def _message(name: str, schemas: Schemas) -> dict[str, Any]:
    message: dict[str, Any] = {"name": name, "headers": {"$ref": "#/components/schemas/headers"}}
    if name == RAW:
        message["contentType"] = "application/octet-stream"
        message["summary"] = "Bytes in any format that ingest reads, by header or sniffed."
    else:
        schema = schemas[name]
        message["contentType"] = "application/vnd.apache.avro"
        message["summary"] = str(schema.get("doc", name)).partition("\n")[0]
        message["payload"] = {"schemaFormat": AVRO_FORMAT, "schema": schema}
    message["bindings"] = {"kafka": {"key": {"type": "string"}, "bindingVersion": BINDING_VERSION}}
    return message


def _headers() -> dict[str, Any]:
    properties = {name: {"type": "string", "description": text} for name, text in _HEADERS.items()}
    return {"type": "object", "properties": properties}


def _operations(topology: Topology) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = [
        _operation(topology, "edge", "writes", topic)
        for topic in topology.topics
        if topic in EDGE_WRITES
    ]
    for agent, spec in topology.agents.items():
        does = {
            "reads": (*spec.reads, *spec.returns),
            "looks up": spec.looks_up,
            "writes": (*spec.writes, *sorted(ENGINE_WRITES)),
        }
        for verb, topics in does.items():
            found += [_operation(topology, agent, verb, topic) for topic in dict.fromkeys(topics)]
    return found


def _operation(topology: Topology, who: str, does: str, topic: str) -> tuple[str, dict[str, Any]]:
    message = _message_name(topology.topics[topic])
    operation = {
        "action": "send" if does == "writes" else "receive",
        "channel": {"$ref": f"#/channels/{topic}"},
        "summary": f"{who} {does} {topic}.",
        "messages": [{"$ref": f"#/channels/{topic}/messages/{message}"}],
    }
    return f"{who}-{does.replace(' ', '-')}-{topic}", operation


class _Dumper(yaml.SafeDumper):
    """Writes what is repeated in full: anchors would be read as meaning something."""

    def ignore_aliases(self, data: object) -> bool:
        return True
