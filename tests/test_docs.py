"""Whoever begins at the README finds every page, and no link leads nowhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real import ROOT

README = ROOT / "README.md"
PAGES = sorted([*(ROOT / "infra" / "docs").glob("*.md"), ROOT / "infra/examples/README.md"])

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The file and the anchor (or none) of each link to something in this tree."""
    for target in _LINK.findall(_FENCED.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = target.partition("#")
        if "://" not in target:
            yield (page.parent / path).resolve() if path else page, anchor


def anchors(page: Path) -> set[str]:
    """What GitHub makes of headings: small letters, hyphens for spaces, no signs."""
    found = _HEADING.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_no_link_leads_nowhere(page: Path) -> None:
    broken = [
        f"{path}#{anchor}"
        for path, anchor in links(page)
        if not path.exists() or (anchor and anchor not in anchors(path))
    ]
    assert broken == []


def test_the_readme_leads_to_every_page() -> None:
    found, ahead = set[Path](), [README]
    while ahead:
        page = ahead.pop()
        if page not in found and page.suffix == ".md" and page.exists():
            found.add(page)
            ahead += [path for path, _ in links(page)]
    assert [page for page in PAGES if page not in found] == []


def test_the_readme_leads_straight_to_who_moves_and_who_writes_clients() -> None:
    straight = {path for path, _ in links(README)}
    assert {ROOT / "infra/docs/migrate.md", ROOT / "infra/examples/README.md"} <= straight
