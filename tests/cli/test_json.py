"""What programs read from `--json`: the shape of each document is held by a golden file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import Running
from tests.golden_files import check_golden
from tests.wait import wait_until


def shape(value: Any) -> Any:
    """A document without its values: the names of its members and the kinds of what they hold."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        kinds = [shape(member) for member in value]
        return [kind for place, kind in enumerate(kinds) if kind not in kinds[:place]]
    return type(value).__name__


def test_the_shapes_of_all_documents(running: Running, tmp_path: Path, *, is_update: bool) -> None:
    incident_id = running.incident("Shape", labels={"team": "a"})
    running.call("send", "-", stdin='[{"name":"X","status":"firing"},{"nome":"Y"}]')
    wait_until(
        lambda: running.call("dead-letters", "list", "--json").json["dead_letters"],
        what="a dead letter",
    )
    wait_until(
        lambda: running.call("incident", incident_id, "--json").json["receipts"], what="a receipt"
    )
    (tmp_path / "services.yaml").write_text("- {name: web}\n")
    topology = ("--config", str(running.config))
    calls = {
        "send": ("send", "--name", "Z", "--severity", "info"),
        "incidents": ("incidents", "-q", "Shape"),
        "incident": ("incident", incident_id),
        "ack": ("ack", incident_id),
        "silence-add": ("silence", "add", "a=b", "--for", "1h"),
        "silence-preview": ("silence", "preview", "service=shape"),
        "silence-list": ("silence", "list", "--state", "any"),
        "dead-letters-list": ("dead-letters", "list"),
        "routes-test": ("routes", "test", "severity=info", *topology),
        "receivers-test": ("receivers", "test", "on-call", "--url", running.tocsin.url),
        "topology-lint": ("topology", "lint", str(running.config)),
        "catalog-load": ("catalog", "load", str(tmp_path), "--dry-run"),
        "backup": ("backup", str(tmp_path / "backup.db")),
        "replay": ("replay", str(tmp_path / "backup.db")),
        "backtest": (
            *("backtest", str(tmp_path / "backup.db")),
            *("--rules", str(running.config)),
        ),
        "doctor": ("doctor", *topology, "--no-network"),
    }
    found = {}
    for name, call in calls.items():
        done = running.call(*call, "--json")
        assert done.code == 0, (name, done.err)
        found[name] = shape(done.json)
    text = json.dumps(found, indent=1, sort_keys=True) + "\n"
    check_golden("cli/json.json", text, is_update=is_update)
