"""The generated documents in the tree are up to date: `make docs` writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.topology.publish import documents, with_picture
from tests.real import ROOT
from tests.topology.test_docs import TOPOLOGY


@pytest.mark.parametrize(
    ("path", "text"), documents(ROOT).items(), ids=[path.name for path in documents(ROOT)]
)
def test_a_document_is_what_the_topology_says(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text, "run `make docs`"


def test_a_readme_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the marks"):
        with_picture("# Tocsin", TOPOLOGY)
