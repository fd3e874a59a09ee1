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


Field = Annotated[str, typer.Option()]
Pairs = Annotated[list[str] | None, typer.Option(help="KEY=VALUE; may be repeated.")]
FIELDS: Final = (
    *("name", "severity", "service", "description"),
    *("environment", "region", "cluster", "host", "instance"),
)


@failing
def send(
    file: Annotated[
        Path | None, typer.Argument(help="A JSON file of one alert or many; - reads them.")
    ] = None,
    *,
    name: Annotated[str, typer.Option(help="What fires; without a file it is needed.")] = "",
    severity: Annotated[str, typer.Option(help="critical, error, warning, info or other.")] = "",
    service: Annotated[str, typer.Option(help="The service that it is about.")] = "",
    description: Annotated[str, typer.Option(help="What a person should know.")] = "",
    environment: Field = "",
    region: Field = "",
    cluster: Field = "",
    host: Field = "",
    instance: Field = "",
    label: Pairs = None,
    annotation: Pairs = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="It fires no longer.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Mark it as a test.")] = False,
    form: Annotated[
        str, typer.Option("--format", help=f"Of the file: {', '.join(PATHS)} or a source.")
    ] = "native",
    idempotency_key: Annotated[str, typer.Option(help="Makes a repetition harmless.")] = "",
    url: Url = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Send alerts to a running Tocsin, and say what was accepted.

    Exit codes: 0 all were accepted, 1 some or all were refused.
    """
    from pipeline.cli.api import running, segment

    said = (name, severity, service, description, environment, region, cluster, host, instance)
    fields = {key: value for key, value in zip(FIELDS, said, strict=True) if value}
    alert = _alert(fields, label or [], annotation or [], is_resolved=resolved, is_test=test)
    body = _body(file, alert)
    path = PATHS.get(form) or f"/api/v1/ingest/{segment(form)}"
    headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
    _say(running(url, data).post(path, body, headers), as_json)


def _alert(
    fields: dict[str, str],
    labels: list[str],
    annotations: list[str],
    *,
    is_resolved: bool,
    is_test: bool,
) -> dict[str, Any]:
    alert: dict[str, Any] = dict(fields)
    for key, given in (("labels", labels), ("annotations", annotations)):
        if given:
            alert[key] = pairs(given)
    alert |= {"status": "resolved"} if is_resolved else {}
    alert |= {"is_test": True} if is_test else {}
    return alert


def _body(file: Path | None, alert: dict[str, Any]) -> Any:
    """The bytes of a file, or the one alert of the flags. Raises UsageError, OSError."""
    from pipeline.domain.errors import UsageError

    if file is not None and alert:
        raise UsageError("alerts come from a file or from flags, not from both")
    if file is not None:
        return sys.stdin.buffer.read() if str(file) == STDIN else file.read_bytes()
    if "name" not in alert:
        raise UsageError("name an alert with --name, or a file of alerts")
    return {"status": "firing", **alert}


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
        for one in answer.get("warnings", []):
            warn(f"warning: {one['path']}: {one['reason']}")
    if refused:
        raise typer.Exit(1)
