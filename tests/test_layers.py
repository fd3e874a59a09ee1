"""Who may import whom: import-linter's contracts, and the rules that it cannot say.

import-linter names modules that exist; the rules here hold for whatever is added to pipeline/.
"""

import ast
from pathlib import Path
from typing import NamedTuple

import pytest
from importlinter.cli import lint_imports

from tests.real import ROOT

# Only these packages import these modules.
ONLY = {
    "aiohttp": ("pipeline.wire",),
    "aiokafka": ("pipeline.hosts.faust", "pipeline.topology.apply"),
    "faust": ("pipeline.hosts.faust",),
    "httpx": ("pipeline.wire",),
    "httpx_aiohttp": ("pipeline.wire",),
    "mode": ("pipeline.hosts.faust",),
    "river": ("pipeline.models",),
    "sqlite3": ("pipeline.hosts.embedded", "pipeline.edge.view"),
    "pipeline.hosts.embedded": (
        "pipeline.hosts.embedded",
        "pipeline.hosts.migrate",
        "pipeline.app",
        "pipeline.cli",
    ),
    "pipeline.hosts.faust": (
        "pipeline.hosts.faust",
        "pipeline.hosts.migrate",
        "pipeline.app",
        "pipeline.cli",
    ),
}

CLOCKS_DICE_AND_WIRES = (
    "aiohttp",
    "asyncio",
    "concurrent",
    "http.client",
    "http.server",
    "httpx",
    "logging",
    "multiprocessing",
    "os",
    "random",
    "secrets",
    "select",
    "selectors",
    "signal",
    "socket",
    "sqlite3",
    "ssl",
    "structlog",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
)

# These packages never import these modules.
NEVER = {
    "pipeline.codec": CLOCKS_DICE_AND_WIRES,
    "pipeline.domain": CLOCKS_DICE_AND_WIRES,
    "pipeline.oncall": CLOCKS_DICE_AND_WIRES,
    "pipeline.security": CLOCKS_DICE_AND_WIRES,
    "pipeline.sinks": CLOCKS_DICE_AND_WIRES,
    "pipeline.stages": (
        *CLOCKS_DICE_AND_WIRES,
        "pipeline.engine",
        "pipeline.models",
        "pipeline.observe",
    ),
}


class Import(NamedTuple):
    """One imported name, at its line."""

    name: str
    line: int


def is_within(name: str, package: str) -> bool:
    """Whether the dotted name is the package or lies in it."""
    return name == package or name.startswith(package + ".")


def imports_of(source: str) -> list[Import]:
    """All that a module imports, also inside functions; `from a import b` counts as a.b."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [Import(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
    return found


def complaints(module: str, source: str) -> list[str]:
    """What the module imports against ONLY and NEVER."""
    found = []
    for name, line in imports_of(source):
        for owned, owners in ONLY.items():
            if is_within(name, owned) and not any(is_within(module, owner) for owner in owners):
                found.append(f"{module}:{line} imports {name}: only {', '.join(owners)} may")
        for package, banned in NEVER.items():
            if is_within(module, package) and any(is_within(name, ban) for ban in banned):
                found.append(f"{module}:{line} imports {name}: {package} never does")
        if is_other_stage(module, name):
            found.append(f"{module}:{line} imports {name}: stages do not know each other")
    return found


def is_other_stage(module: str, name: str) -> bool:
    """Whether a module of one stage (or of their package) imports from another stage."""
    if not (is_within(module, "pipeline.stages") and name.startswith("pipeline.stages.")):
        return False
    return module.split(".")[2:3] != name.split(".")[2:3]


def module_name(path: Path) -> str:
    """The dotted name under which a file of pipeline/ is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_contracts_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    exit_code = lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert exit_code == 0, capsys.readouterr().out


def test_only_the_owners_import_what_they_own() -> None:
    modules = sorted((ROOT / "pipeline").rglob("*.py"))
    assert modules
    found = [
        complaint
        for path in modules
        for complaint in complaints(module_name(path), path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("pipeline.newcomer", "import httpx"),
        ("pipeline.edge.api", "import sqlite3"),
        ("pipeline.engine.task", "from river import linear_model"),
        ("pipeline.hosts.embedded.host", "from faust import App"),
        ("pipeline.hosts.embedded.host", "from pipeline.hosts.faust import app"),
        ("pipeline.hosts.faust.host", "import pipeline.hosts.embedded.log"),
        ("pipeline.topology.plan", "from aiokafka.admin import AIOKafkaAdminClient"),
        ("pipeline.domain.alert", "def f():\n    import time"),
        ("pipeline.codec", "import os.path"),
        ("pipeline.sinks.pagerduty", "from urllib.request import urlopen"),
        ("pipeline.stages.route.tree", "from pipeline.models import half_space"),
        ("pipeline.stages.route.tree", "from pipeline import observe"),
        ("pipeline.stages.route.stage", "from pipeline.engine.context import TaskContext"),
        ("pipeline.stages.route.tree", "from pipeline.stages.enrich import catalog"),
        ("pipeline.stages.route", "from pipeline.stages import enrich"),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str) -> None:
    assert complaints(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("pipeline.wire.client", "import httpx"),
        ("pipeline.edge.view.reader", "import sqlite3"),
        ("pipeline.topology.apply", "from aiokafka.admin import AIOKafkaAdminClient"),
        ("pipeline.hosts.migrate", "from pipeline.hosts.faust import log"),
        ("pipeline.domain.alert", "from datetime import datetime\nfrom timeit import timeit"),
        ("pipeline.stages.route.stage", "from pipeline.stages.route.tree import walk"),
        ("pipeline.stages.route.stage", "from pipeline.domain.alert import Alert"),
    ],
)
def test_an_allowed_import_passes(module: str, source: str) -> None:
    assert not complaints(module, source)
