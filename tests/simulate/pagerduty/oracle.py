"""PagerDuty's published OpenAPI as a judge of answers; tests skip where it is not at hand.

OpenAPI 3.0 is not JSON Schema: `nullable` becomes a type. The document has three faults that real
answers show: `oneOf` over members that do not exclude each other; fields described as "null
if ..." without `nullable` (`NULL_IN_PRACTICE` names those that the simulator sends as null); and
a log entry whose type its own base type forbids.
"""

import functools
import json
from typing import Any

from jsonschema import Draft4Validator

from tests.real import shared

NULL_IN_PRACTICE = {
    "resolved_at",
    "resolve_reason",
    "priority",
    "alert_grouping",
    "end",
    "start",
    "schedule",
    "auto_resolve_timeout",
    "acknowledgement_timeout",
    "last_incident_timestamp",
    "support_hours",
    "rendered_coverage_percentage",
}


def complaints(document: str, operation: str, status: int, answer: Any) -> list[str]:
    """What the document finds wrong with an answer to, say, `get /incidents/{id}`."""
    method, path = operation.split()
    where = path.replace("~", "~0").replace("/", "~1")
    pointer = f"#/paths/{where}/{method}/responses/{status}"
    whole = _document(document)
    shared_answer = whole["paths"][path][method]["responses"][str(status)].get("$ref", pointer)
    schema = f"{shared_answer}/content/application~1json/schema"
    validator = Draft4Validator({**whole, "$ref": schema})
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        for error in validator.iter_errors(answer)
    ]


@functools.cache
def _document(name: str) -> dict[str, Any]:
    path = shared(f"pagerduty/{name}")
    loaded = _as_json_schema(json.loads(path.read_text()))
    assert isinstance(loaded, dict)
    entry = loaded["components"]["schemas"].get("AcknowledgeLogEntry")
    if entry is not None:
        word = entry["allOf"][1]["properties"]["type"]
        assert word["enum"] == ["acknowledgement_log_entry"]
        word["enum"] = ["acknowledge_log_entry"]
    return loaded


def _as_json_schema(node: Any, name: str = "") -> Any:
    if isinstance(node, list):
        return [_as_json_schema(member) for member in node]
    if not isinstance(node, dict):
        return node
    changed = {
        ("anyOf" if key == "oneOf" else key): _as_json_schema(value, key)
        for key, value in node.items()
        if key not in ("example", "examples", "x-examples")
    }
    may_be_null = node.get("nullable") is True or name in NULL_IN_PRACTICE
    if may_be_null and ("type" in node or "$ref" in node or "allOf" in node or "oneOf" in node):
        return {"anyOf": [changed, {"type": "null"}]}
    return changed
