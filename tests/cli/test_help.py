"""Help is what people read first: it is complete, it is as it was, and it costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from pipeline.cli.commands import COMMANDS
from pipeline.cli.lazy import load
from tests.cli.tocsin import tocsin
from tests.golden_files import check_golden

GROUPS = {
    "kafka": ("start", "demo", "fetch", "status", "stop"),
    "silence": ("add", "preview", "list", "expire"),
    "routes": ("test",),
    "receivers": ("test",),
    "topology": ("lint", "docs", "plan", "apply"),
    "catalog": ("load",),
    "models": ("list", "diff", "rollback", "shadow", "promote", "explain"),
    "dead-letters": ("list", "show", "redrive"),
}
CALLS = [
    (),
    *((name,) for name in COMMANDS),
    *((name, below) for name, names in GROUPS.items() for below in names),
]
SERVING = ("run", "serve", "simulator", "kafka start", "kafka demo", "worker")
HEAVY = ("rich", "httpx", "litestar", "msgspec", "yaml", "asyncio", "sqlite3", "pipeline.engine")


@pytest.mark.parametrize("call", CALLS, ids=lambda call: "-".join(call) or "tocsin")
def test_help_is_as_it_was(call: tuple[str, ...], *, is_update: bool) -> None:
    done = tocsin(*call, "--help")
    assert done.code == 0
    assert done.err == ""
    check_golden(f"cli/help/{'-'.join(('tocsin', *call))}.txt", done.out, is_update=is_update)


def test_every_command_that_is_listed_can_be_called() -> None:
    for name, entry in COMMANDS.items():
        command = load(name, entry.target)
        assert command.name == name
        assert command.help, name


def test_every_command_offers_json_unless_it_serves() -> None:
    for call in CALLS:
        if not call or " ".join(call) in SERVING or (len(call) == 1 and call[0] in GROUPS):
            continue
        command = load(call[0], COMMANDS[call[0]].target)
        for below in call[1:]:
            command = command.commands[below]
        assert "--json" in [name for param in command.params for name in param.opts], call


def test_help_and_completion_import_nothing_that_costs() -> None:
    program = (
        "import sys\n"
        "from pipeline.cli import app\n"
        "try:\n    app(['--help'], prog_name='tocsin')\n"
        "except SystemExit:\n    pass\n"
        f"found = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(' '.join(found) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("tocsin sile", ["silence"]),
        ("tocsin re", ["resolve", "reassign", "receivers", "replay", "restore"]),
        ("tocsin silence ", ["add", "preview", "list", "expire"]),
        ("tocsin run --da", ["--data"]),
    ],
)
def test_the_shell_completes(typed: str, offered: list[str]) -> None:
    words = typed.split(" ")
    done = tocsin(
        environment={
            "_TOCSIN_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(words) - 1),
        }
    )
    assert done.code == 0
    assert done.out.split() == offered


def test_a_mistyped_command_gets_its_neighbour() -> None:
    done = tocsin("incidnets")
    assert done.code == 2
    assert "incidents" in done.err


def test_the_version_is_said() -> None:
    done = tocsin("--version")
    assert done.code == 0
    assert done.out.startswith("tocsin ")


def test_load_refuses_what_is_no_command() -> None:
    with pytest.raises(AttributeError):
        load("nothing", "run:nothing")
    assert isinstance(load("silence", "silence:app"), typer.core.TyperGroup)
