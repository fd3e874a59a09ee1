"""Alert: one firing or resolved fact about one identity, as it travels on the topic `alerts`.

The Struct below is the one declaration of the 27 fields: the Avro schema, the environment of
the rules and the OpenAPI document are derived from it.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

Severity = Literal["critical", "error", "warning", "info", "unknown"]
Status = Literal["firing", "resolved"]

SEVERITIES: Final[tuple[str, ...]] = ("unknown", "info", "warning", "error", "critical")
"""From the least to the most severe; `severity_rank` is the position."""

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1, description="int")]
"""An integer that Avro carries as `int`; a plain `int` is carried as `long`."""

TRUNCATED: Final = "truncated"
"""The tag of an alert whose text was cut at a declared limit."""

SEVERITY_GIVEN: Final = "severity_given"
"""The annotation that keeps what the sender wrote where the normalised severity differs."""

NAN: Final = float("nan")


class Alert(Struct, frozen=True, kw_only=True):
    """One alert, normalised. Strings are "" where unknown, instants 0, numbers NaN.

    `fingerprint` is 16 hex digits of the identity labels' hash; `alert_id` names this one
    message about it. `labels` identify, `annotations` explain.
    """

    alert_id: str
    source: str = ""
    source_id: str = ""
    fingerprint: str
    name: str
    description: str = ""
    severity: str = "unknown"
    status: str = "firing"
    service: str = ""
    environment: str = ""
    region: str = ""
    cluster: str = ""
    namespace: str = ""
    host: str = ""
    instance: str = ""
    metric: str = ""
    value: float = NAN
    threshold: float = NAN
    starts_at_ms: int = 0
    ends_at_ms: int = 0
    received_at_ms: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    trace_id: str = ""
    version: Int32 = 1
    is_test: bool = False

    @property
    def is_firing(self) -> bool:
        """Whether the sender says that the fact holds."""
        return self.status == "firing"

    def text(self, name: str) -> str:
        """What the alert says under a name: its text field, or where that is "" its label.

        Scopes, groups and dependencies are all read this way.
        """
        value = getattr(self, name, "")
        return value if isinstance(value, str) and value else self.labels.get(name, "")


def severity_rank(severity: str) -> int:
    """Order severities: 0 for unknown to 4 for critical; a foreign word counts as unknown."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0
