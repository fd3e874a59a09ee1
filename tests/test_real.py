"""What is lacking is skipped with its reason, or fails where nothing may lack; it is counted."""

import pytest

from tests.conftest import count_skips
from tests.real import require_program, shared


def test_a_lacking_program_is_a_skip_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOCSIN_REQUIRE_REAL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program or neither is not installed"):
        require_program("no-such-program", "neither")


def test_a_lacking_program_fails_where_all_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_REQUIRE_REAL", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed"):
        require_program("no-such-program")


def test_the_first_program_that_exists_is_taken() -> None:
    assert require_program("no-such-program", "sh").name == "sh"


def test_a_lacking_capture_is_a_skip_that_names_it() -> None:
    with pytest.raises(pytest.skip.Exception, match=r"\.\./shared/no/such/file is absent"):
        shared("no/such/file")


def test_skips_are_counted_by_reason() -> None:
    reports = [
        pytest.TestReport(
            nodeid=f"t{number}",
            location=("t.py", 1, "t"),
            keywords={},
            outcome="skipped",
            longrepr=("t.py", 1, f"Skipped: {reason}"),
            when="call",
        )
        for number, reason in enumerate(["no broker", "no Prometheus", "no broker"])
    ]
    assert count_skips(reports) == "skipped 3: 2 × no broker; 1 × no Prometheus"
    assert count_skips([]) == "skipped 0"
