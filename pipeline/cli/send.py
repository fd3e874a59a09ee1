"""`tocsin send`: alerts from flags, from a file, or from standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from pipeline.cli.failing import failing
from pipeline.cli.options import Data, Json, Url

STDIN: Final = "-"
PATHS: Final = {
    "native": "/api/v1/alerts",
    "alertmanager": "/api/v1/ingest/alertmanager",
    "alertmanager-v2": "/api/v2/alerts",
    "cloudevents": "/api/v1/ingest/cloudevents",
}
"""Format → where it is posted; any other word is a source of topology.yaml."""


@failing
def send(
    file: Annotated[
        Path | None, typer.Argument(help="A JSON file of one alert or many; - reads them.")
    ] = None,
    *,
    name: Annotated[str, typer.Option(help="What fires; without a file it is needed.")] = "",
    severity: Annotated[
        str, typer.Option(help="critical, error, warning, info, or any word of yours.")
    ] = "",
    service: Annotated[str, typer.Option(help="The service that it is about.")] = "",
    description: Annotated[str, typer.Option(help="What a person should know.")] = "",
    environment: Annotated[str, typer.Option()] = "",
    region: Annotated[str, typer.Option()] = "",
    cluster: Annotated[str, typer.Option()] = "",
    host: Annotated[str, typer.Option()] = "",
    instance: Annotated[str, typer.Option()] = "",
    label: Annotated[list[str] | None, typer.Option(help="KEY=VALUE; may be repeated.")] = None,
    annotation: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE; may be repeated.")
    ] = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="It fires no longer.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Mark it as a test.")] = False,
    form: Annotated[
        str, typer.Option("--format", help=f"Of the file: {', '.join(PATHS)} or a source.")
    ] = "native",
    idempotency_key: Annotated[
        str, typer.Option(help="Makes sending the same again harmless.")
    ] = "",
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Send alerts to a running Tocsin, and say what was accepted.

    Exit codes: 0 all were accepted, 1 some or all were refused.
    """
    from pipeline.cli.api import running, segment

    body: Any
    if file is not None:
        body = sys.stdin.buffer.read() if str(file) == STDIN else file.read_bytes()
    else:
        body = _alert(
            {
                "name": name,
                "severity": severity,
                "service": service,
                "description": description,
                "environment": environment,
                "region": region,
                "cluster": cluster,
                "host": host,
                "instance": instance,
            },
            label or [],
            annotation or [],
        )
        body |= {"status": "resolved" if resolved else "firing"}
        body |= {"is_test": True} if test else {}
    path = PATHS.get(form) or f"/api/v1/ingest/{segment(form)}"
    headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
    _say(running(url, data).post(path, body, headers), as_json)


def _alert(fields: dict[str, str], labels: list[str], annotations: list[str]) -> dict[str, Any]:
    from pipeline.domain.errors import UsageError

    if not fields["name"]:
        raise UsageError("name an alert with --name, or a file of alerts")
    alert: dict[str, Any] = {key: value for key, value in fields.items() if value}
    for key, given in (("labels", labels), ("annotations", annotations)):
        if given:
            alert[key] = pairs(given)
    return alert


def pairs(given: list[str]) -> dict[str, str]:
    """KEY=VALUE texts as a mapping. Raises UsageError."""
    from pipeline.domain.errors import UsageError

    found = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{text!r} is no KEY=VALUE")
        found[key.strip()] = value.strip().strip('"')
    return found


def _say(answer: dict[str, Any], as_json: bool) -> None:
    from pipeline.cli.output import emit_json, warn

    refused = answer.get("refused", [])
    if as_json:
        emit_json(answer)
    else:
        count = answer["accepted"]
        print(f"accepted {count} alert{'' if count == 1 else 's'} (trace {answer['trace_id']})")
        for one in refused:
            where = f"[{one['index']}] " if one["index"] >= 0 else ""
            warn(f"refused {where}{one['path']}: {one['reason']}")
    if refused:
        raise typer.Exit(1)
