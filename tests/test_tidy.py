"""The style of the tree, enforced; and for each rule of tidy.py a text that breaks it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import tidy
from tests.real import ROOT

Rule = Callable[[str], list[str]]

PIPELINE = sorted((ROOT / "pipeline").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
# wait.py polls; benchmarks pace their load.
MAY_SLEEP = {"tests/wait.py", "tests/bench"}
# They name the schemes and words that the rules look for.
BAD_EXAMPLES = {"tests/test_tidy.py"}


def tracked() -> list[Path]:
    """What git would publish: tracked files and new ones that are not ignored."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so no file is tracked")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [path for name in sorted(set(listed.split("\0"))) if (path := ROOT / name).is_file()]


def name_of(path: Path) -> str:
    """The path as git writes it."""
    return path.relative_to(ROOT).as_posix()


def excepted(path: Path, exceptions: set[str]) -> bool:
    """Whether the path or a folder above it is among the exceptions."""
    return any(path.is_relative_to(ROOT / exception) for exception in exceptions)


def text_of(path: Path) -> str | None:
    """The text of a file; nothing where it is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def expect_tidy(rule: Rule, paths: list[Path], *, exceptions: set[str] = BAD_EXAMPLES) -> None:
    """Fail with all complaints at once, each with its file."""
    assert paths
    texts = {path: text_of(path) for path in paths if not excepted(path, exceptions)}
    found = [
        f"{name_of(path)}:{complaint}"
        for path, text in texts.items()
        if text is not None
        for complaint in rule(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "rule", [tidy.long_functions, tidy.undocumented], ids=lambda rule: rule.__name__
)
def test_the_pipeline_is_tidy(rule: Rule) -> None:
    expect_tidy(rule, PIPELINE)


@pytest.mark.parametrize(
    "rule", [tidy.tests_without_assertion, tidy.fixed_ports], ids=lambda rule: rule.__name__
)
def test_the_tests_are_tidy(rule: Rule) -> None:
    expect_tidy(rule, TESTS)


def test_no_test_sleeps() -> None:
    expect_tidy(tidy.sleeps, TESTS, exceptions=BAD_EXAMPLES | MAY_SLEEP)


def test_files_are_short() -> None:
    expect_tidy(tidy.long_file, PIPELINE + TESTS)


def test_names_say_what_a_thing_is() -> None:
    found = [
        f"{name_of(path)}: {complaint}"
        for path in PIPELINE + TESTS
        for complaint in tidy.vague_names(name_of(path), path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("rule", [tidy.unfinished, tidy.places], ids=lambda rule: rule.__name__)
def test_what_is_published_is_finished_and_of_no_place(rule: Rule) -> None:
    expect_tidy(rule, tracked())


def test_the_file_that_records_registry_hosts_is_not_tracked() -> None:
    assert "uv.lock" not in {path.name for path in tracked()}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (tidy.long_file, "x = 1\n" * 401),
        (tidy.long_functions, "def f():\n" + "    x = 1\n" * 50),
        (tidy.long_functions, "async def f():\n" + "    x = 1\n" * 50),
        (tidy.undocumented, "x = 1"),
        (tidy.undocumented, '"""Doc."""\ndef f(): ...'),
        (tidy.undocumented, '"""Doc."""\nclass C: ...'),
        (tidy.unfinished, "# TODO: later"),
        (tidy.unfinished, "x = 1  # FIXME"),
        (tidy.unfinished, "raise NotImplementedError"),
        (tidy.unfinished, "# For now, only one"),
        (tidy.tests_without_assertion, "def test_f():\n    f()"),
        (tidy.tests_without_assertion, "async def test_f():\n    await recheck()"),
        (tidy.sleeps, "time.sleep(1)"),
        (tidy.sleeps, "async def f():\n    await asyncio.sleep(0.1)"),
        (tidy.sleeps, "async def f():\n    await asyncio.sleep(delay_s)"),
        (tidy.sleeps, "from time import sleep"),
        (tidy.fixed_ports, 'url = "http://127.0.0.1:8080/"'),
        (tidy.fixed_ports, "serve(port=9194)"),
        (tidy.places, "cache = '/tmp/cache'"),
        (tidy.places, "--index-url https://mirror.example/simple"),
        (tidy.places, "resolved https://registry.npmjs.org/x"),
    ],
)
def test_a_rule_finds_what_breaks_it(rule: Rule, text: str) -> None:
    assert rule(text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pipeline/utils.py", ""),
        ("pipeline/helpers/clock.py", ""),
        ("pipeline/alert_manager.py", ""),
        ("pipeline/engine/task.py", "class HTTPHandler: ..."),
    ],
)
def test_a_vague_name_is_found(path: str, text: str) -> None:
    assert tidy.vague_names(path, text)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (tidy.long_file, "x = 1\n" * 400),
        (
            tidy.long_functions,
            'def f():\n    """' + "Doc.\n" * 60 + '    """\n' + "    x = 1\n" * 49,
        ),
        (tidy.undocumented, '"""Doc."""\ndef _f(): ...'),
        (tidy.unfinished, "todo = method; before nowhere"),
        (tidy.tests_without_assertion, "def test_f():\n    with pytest.raises(E):\n        f()"),
        (tidy.tests_without_assertion, "def test_f():\n    laws.check_store(f)"),
        (tidy.sleeps, "async def f():\n    await asyncio.sleep(0)"),
        (tidy.fixed_ports, 'serve(port=0, url="http://127.0.0.1:0/")'),
        (tidy.places, "metrics/work/rate and ~/tmp/x"),
    ],
)
def test_a_rule_leaves_alone_what_is_tidy(rule: Rule, text: str) -> None:
    assert not rule(text)


def test_the_name_of_a_part_may_contain_a_vague_word() -> None:
    assert not tidy.vague_names("pipeline/edge/alertmanager.py", "class Utility: ...")
