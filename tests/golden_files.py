"""Golden files: what was once read and found right, compared with what comes out today.

`--update-golden` writes them anew; read the difference before you commit it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

GOLDEN: Final = Path(__file__).parent / "golden"
OPTION: Final = "--update-golden"


def check_golden(name: str, text: str, *, is_update: bool) -> None:
    """Compare a text with the golden file of that name, or write it."""
    path = GOLDEN / name
    if is_update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"{name} is missing: run with {OPTION}, read it and commit it"
    expected = path.read_text(encoding="utf-8")
    assert text == expected, f"{name} differs: run with {OPTION} and read the difference"
