"""The rules of the past are kept by their hash, the first text of each."""

from __future__ import annotations

import pytest

from pipeline.domain.errors import UsageError
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.rules import keep, kept


def test_a_text_is_found_by_its_hash() -> None:
    connection = connect(":memory:")
    keep(connection, "a1", "version: 1\n")
    keep(connection, "b2", "app: other\n")
    keep(connection, "a1", "# the same with a comment\nversion: 1\n")
    assert kept(connection, "a1") == "version: 1\n"
    assert kept(connection, "b2") == "app: other\n"


def test_what_is_not_kept_says_what_can_be_done() -> None:
    with pytest.raises(UsageError, match=r"c3.*later --from"):
        kept(connect(":memory:"), "c3")
