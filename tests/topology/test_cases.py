"""Each rule of lint has a small bad file under cases/ and, beside it, what is said about it."""

from pathlib import Path

import pytest

from tests.topology.worlds import CASES, KEY, lint


def test_cases_are_complete() -> None:
    files = {path.stem for path in CASES.glob("*.yml")}
    assert len(files) > 40
    assert files == {path.stem for path in CASES.glob("*.txt")}


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yml")), ids=lambda path: path.stem)
def test_a_bad_file_gets_its_complaints(path: Path) -> None:
    complaints = lint(path.read_text(encoding="utf-8"))
    said = "".join(f"{each.render()}\n" for each in complaints)
    assert said == path.with_suffix(".txt").read_text(encoding="utf-8")
    assert KEY not in said
    assert "hunter2" not in said


def test_five_mistakes_are_five_complaints() -> None:
    complaints = lint((CASES / "five_mistakes.yml").read_text(encoding="utf-8"))
    assert len(complaints) == 5
    assert not any(each.is_warning for each in complaints)
