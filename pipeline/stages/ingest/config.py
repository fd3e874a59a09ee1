"""The section `ingest` of topology.yaml: limits, words, identity and generic sources."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from pipeline.domain.alert import SEVERITIES
from pipeline.domain.units import Duration, Size
from pipeline.stages.ingest.paths import compile_path
from pipeline.stages.ingest.picks import Pick, compile_pick
from pipeline.stages.ingest.values import FILL

FIELD_NAMES: Final = (
    "name",
    "severity",
    "service",
    "environment",
    "region",
    "cluster",
    "namespace",
    "host",
    "instance",
)
"""Fields of an alert that may be taken from labels and that may identify it."""

FORMATS: Final = (
    "native",
    "alertmanager",
    "alertmanager-v2",
    "alertmanager-events",
    "cloudevents",
    "avro",
    "confluent",
)
"""Formats that are always there; a generic source cannot be named like one of them."""

DEFAULT_ALIASES: Final = {
    "name": ("alertname",),
    "severity": ("severity",),
    "service": ("service",),
    "environment": ("environment", "env"),
    "region": ("region",),
    "cluster": ("cluster",),
    "namespace": ("namespace",),
    "host": ("host", "node"),
    "instance": ("instance",),
}


class SourceConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One generic source: JSON of any shape, posted to `/api/v1/ingest/<its name>`."""

    fields: dict[str, str | Pick]
    """A field of the native alert, or `labels.<name>` or `annotations.<name>`, → a path or a
    pick; `labels` and `annotations` alone take a whole object."""
    each: str = ""
    """Path of the array whose members are alerts; without it the body is one alert."""
    types: tuple[str, ...] = ()
    """CloudEvents of these types carry this source's shape as their data."""
    statuses: dict[str, str] = field(default_factory=dict)
    """Status words of this source → firing or resolved."""
    severities: dict[str, str] = field(default_factory=dict)
    """Severity words of this source → critical, error, warning, info or unknown."""

    def __post_init__(self) -> None:
        for needed in ("name", "status"):
            if needed not in self.fields:
                raise ValueError(
                    f"fields.{needed} is missing: every alert needs a name and a status"
                )
        for target, pick in self.fields.items():
            known, _, key = target.partition(".")
            if known not in FILL or (key and known not in ("labels", "annotations")):
                raise ValueError(f"fields.{target}: an alert has no such field")
            try:
                compile_pick(pick)
            except ValueError as error:
                raise ValueError(f"fields.{target}: {error}") from None
        compile_path(self.each)
        check_words(self.statuses, self.severities)


class IngestConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How alerts are read. A text over its limit is cut and the alert tagged `truncated`; an
    alert is never refused for its size.
    """

    members_max: int = 10_000
    """Alerts in one body; a longer batch is refused whole."""
    field_size_max: Size = Size(1_000)
    """Bytes of a name, a label's name or value, or any other short field."""
    annotation_size_max: Size = Size(20_000)
    """Bytes of the description and of one annotation."""
    annotations_size_max: Size = Size(250_000)
    """Bytes of all annotations of an alert; what does not fit any more is left out."""
    labels_max: int = 100
    """Labels of an alert; the first ones are kept."""
    annotations_max: int = 100
    """Annotations of an alert; the first ones are kept."""
    tags_max: int = 50
    """Tags of an alert; the first ones are kept."""
    skew_max: Duration = Duration(120_000)
    """How far a sender's clock may run ahead; an alert from later counts from its arrival and
    is tagged `clock_skew`."""
    resolve_timeout: Duration = Duration(300_000)
    """An alert on Alertmanager's API v2 without an end ends after this unless it is sent again,
    as Alertmanager's own `resolve_timeout`."""
    identity: tuple[str, ...] = (
        "name",
        "service",
        "environment",
        "region",
        "cluster",
        "namespace",
        "host",
        "instance",
    )
    """Fields that, with all labels, identify an alert that brings no fingerprint."""
    labels_to_fields: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Field → the labels that fill it where it is empty, the first that is set; replaces the
    built-in list of that field."""
    description_from: tuple[str, ...] = ("description", "summary", "message")
    """Annotations that stand in for an empty description, the first that is set."""
    statuses: dict[str, str] = field(default_factory=dict)
    """More status words → firing or resolved."""
    severities: dict[str, str] = field(default_factory=dict)
    """More severity words → critical, error, warning, info or unknown."""
    sources: dict[str, SourceConfig] = field(default_factory=dict)
    """Generic sources by name."""

    def __post_init__(self) -> None:
        check_words(self.statuses, self.severities)
        for name in (*self.identity, *self.labels_to_fields):
            if name not in FIELD_NAMES:
                raise ValueError(f"{name!r} is none of the fields {', '.join(FIELD_NAMES)}")
        for name in self.sources:
            if name in FORMATS:
                raise ValueError(f"a source cannot be named {name}: that is a built-in format")


def check_words(statuses: dict[str, str], severities: dict[str, str]) -> None:
    """Raise ValueError where a word is translated into one that an alert does not know."""
    for given, meant in statuses.items():
        if meant not in ("firing", "resolved"):
            raise ValueError(f"statuses.{given}: {meant!r} is neither firing nor resolved")
    for given, meant in severities.items():
        if meant not in SEVERITIES:
            raise ValueError(f"severities.{given}: {meant!r} is none of {', '.join(SEVERITIES)}")
