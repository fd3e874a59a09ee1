"""`tocsin topology docs`: every document about a topology, by file name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.topology.asyncapi import Schemas, render_asyncapi
from pipeline.topology.declared import Topology
from pipeline.topology.reference import reference
from pipeline.topology.stream import draw, render_mermaid, topics_table
from pipeline.topology.table import render_markdown


def render_docs(topology: Topology, schemas: Schemas) -> dict[str, str]:
    """File name → text: the AsyncAPI document, the stream as picture and table, the reference.

    `schemas` is what `read_schemas` gives. Raises KeyError where a topic's schema is missing.
    """
    picture = render_mermaid(draw(topology))
    stream = (
        f"# The stream\n\n```mermaid\n{picture}```\n\n{render_markdown(topics_table(topology))}"
    )
    tables = "\n".join(render_markdown(each) for each in reference())
    return {
        "asyncapi.yaml": render_asyncapi(topology, schemas),
        "stream.md": stream,
        "topology-reference.md": f"# What may stand in topology.yaml\n\n{_INTRODUCTION}\n{tables}",
    }


def read_schemas(folder: Path) -> dict[str, Any]:
    """The Avro schemas of a folder of `*.avsc` by the name of their record.

    Raises OSError or ValueError where one cannot be read.
    """
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.avsc"))]
    return {str(schema["name"]): schema for schema in found}


_INTRODUCTION = """\
At the top stand `version: 1`, `app` (a text, the prefix of ids on Kafka), `scope` (a list of
labels), and the mappings below. Whatever is left out has its default. Durations are written as
`10m` or `1h30m` and `off` for none, sizes as `20kB` or `32MiB`, rates as `120/m`; secrets are
references, `env:NAME` or `file:PATH`.
"""
