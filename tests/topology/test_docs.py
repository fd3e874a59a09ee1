"""The documents about a topology: an AsyncAPI reader finds all it needs, the picture all agents."""

import json
from typing import Any

import pytest
import yaml
from msgspec import Struct

from pipeline.codec.values import TOPIC_VALUES
from pipeline.domain.units import Duration, Rate, Size
from pipeline.topology.asyncapi import describe_asyncapi
from pipeline.topology.desired import RECORD_OVERHEAD_BYTES
from pipeline.topology.docs import read_schemas, render_docs
from pipeline.topology.locate import locate
from pipeline.topology.reference import describe, reference, show
from pipeline.topology.stream import draw, render_mermaid, topics_table
from pipeline.topology.table import Table, render_markdown
from tests.topology.worlds import KEY, loaded

TOPOLOGY = loaded(locate("topology.yaml").read_text(encoding="utf-8"))
SCHEMAS = read_schemas(locate("schemas"))
BUSY = loaded(
    """
defaults: {partitions: 4, replication: 2}
topics:
  mirror: {schema: Alert, key: scope_id, external: true, size_max: 2MB, description: "A | B"}
agents:
  intake: {}
  decide: {reads: [alerts, mirror, commands]}
  deliver: {}
receivers:
  one: {sink: pagerduty, routing_key: "env:KEY"}
  two: {sink: pagerduty, routing_key: "env:KEY"}
routes: {receiver: one, routes: [{match: [a=b], receiver: two}]}
"""
)


def test_no_document_shows_a_secret() -> None:
    assert KEY not in "".join(render_docs(BUSY, SCHEMAS).values())


def resolved(document: dict[str, Any], reference: dict[str, str]) -> Any:
    """What a local reference of the document points to."""
    assert list(reference) == ["$ref"]
    found: Any = document
    for part in reference["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


@pytest.mark.parametrize("topology", [TOPOLOGY, BUSY])
def test_the_asyncapi_document_has_the_structure_of_3_0(topology: Any) -> None:
    document = yaml.safe_load(render_docs(topology, SCHEMAS)["asyncapi.yaml"])
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(document["info"])
    assert all(isinstance(document["info"][key], str) for key in ("title", "version"))
    assert set(document) <= {
        "asyncapi", "info", "defaultContentType", "channels", "operations", "components"
    }  # fmt: skip
    assert list(document["channels"]) == list(topology.topics)
    for name, channel in document["channels"].items():
        assert channel["address"] == name
        assert channel["description"]
        kafka = channel["bindings"]["kafka"]
        assert kafka["topic"] == name
        assert kafka["partitions"] >= 1
        assert kafka["replicas"] >= 1
        assert kafka["topicConfiguration"]["cleanup.policy"] in (["delete"], ["compact"])
        for message in channel["messages"].values():
            assert resolved(document, message)["name"] in {*TOPIC_VALUES, "RawAlert"}
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        channel = resolved(document, operation["channel"])
        inside = operation["channel"]["$ref"] + "/messages/"
        assert [each["$ref"].startswith(inside) for each in operation["messages"]] == [True]
        assert resolved(document, operation["messages"][0]) in channel["messages"].values()


def test_every_payload_is_the_published_schema() -> None:
    document = describe_asyncapi(TOPOLOGY, SCHEMAS)
    messages = document["components"]["messages"]
    assert set(messages) == {*TOPIC_VALUES, "RawAlert"}
    for name in TOPIC_VALUES:
        payload = messages[name]["payload"]
        assert payload["schemaFormat"] == "application/vnd.apache.avro;version=1.9.0"
        published = locate(f"schemas/{name}.avsc").read_text(encoding="utf-8")
        assert payload["schema"] == json.loads(published)
    assert "payload" not in messages["RawAlert"]


def test_stated_sizes_and_partitions_reach_the_bindings() -> None:
    kafka = describe_asyncapi(BUSY, SCHEMAS)["channels"]["mirror"]["bindings"]["kafka"]
    assert kafka["partitions"] == 4
    assert kafka["replicas"] == 2
    assert kafka["topicConfiguration"]["max.message.bytes"] == 2_000_000 + RECORD_OVERHEAD_BYTES


def test_a_schema_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError, match="Alert"):
        describe_asyncapi(TOPOLOGY, {})


def test_the_picture_has_every_way_once() -> None:
    picture = draw(BUSY)
    ways = [(arrow.start, arrow.end, arrow.is_back) for arrow in picture.arrows]
    assert len(ways) == len(set(ways))
    assert ("producers", "mirror", False) in ways
    assert ("receipts", "decide-agent", True) in ways
    assert {end for start, end, _ in ways if start == "deliver-agent"} == {
        "receipts",
        "audit",
        "pagerduty-sink",
    }
    names = {box.name for box in picture.boxes}
    assert {name for start, end, _ in ways for name in (start, end)} == names
    assert "pagerduty<br/>2 receivers" in render_mermaid(picture)


def test_the_table_says_who_writes_and_reads() -> None:
    rows = {row[0]: row for row in topics_table(BUSY).rows}
    assert rows["`mirror`"][5:7] == ("others", "decide")
    assert rows["`dead-letters`"][5:7] == ("every agent", "consumers downstream")
    assert rows["`receipts`"][5:7] == ("deliver", "decide")
    assert "| A \\| B |" in render_markdown(topics_table(BUSY))


def test_every_field_of_the_reference_is_explained() -> None:
    tables = reference()
    empty = [(table.title, row[0]) for table in tables for row in table.rows if not row[3]]
    assert empty == []
    titles = [table.title for table in tables]
    assert len(titles) == len(set(titles))
    assert {"`routes`", "`correlate.rules[]`", "`receivers.NAME, sink: webhook`"} <= set(titles)


class _Inner(Struct, frozen=True):
    """Inside."""

    size: Size = Size(20_000)
    """How large."""


class _Outer(Struct, frozen=True):
    """Outside."""

    wait: Duration
    """How long,
    in two lines."""
    inner: dict[str, _Inner | None] = {}
    """The insides."""


def test_a_struct_is_described_with_those_beneath_it() -> None:
    assert list(describe("outer", _Outer)) == [
        Table(
            title="`outer`",
            lead="Outside.",
            heads=("field", "type", "default", "meaning"),
            rows=(
                ("`wait`", "duration", "required", "How long, in two lines."),
                ("`inner`", "mapping of mapping", "", "The insides."),
            ),
        ),
        Table(
            title="`outer.inner.NAME`",
            lead="Inside.",
            heads=("field", "type", "default", "meaning"),
            rows=(("`size`", "size", "`20kB`", "How large."),),
        ),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Duration(0), "`off`"),
        (Duration(90_000), "`1m30s`"),
        (Size(32 * 2**20), "`32MiB`"),
        (Size(999), "`999B`"),
        (Rate(7_200), "`120/m`"),
        (Rate(500), "`500/h`"),
        (True, "`true`"),
        (None, ""),
        ((), ""),
        (("a", "b"), "`[a, b]`"),
        (0, "`0`"),
    ],
)
def test_a_default_is_shown_as_it_is_written(value: object, text: str) -> None:
    assert show(value) == text
