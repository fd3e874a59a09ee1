"""What holds for every test: Hypothesis' profiles, and a last word on what was skipped and why."""

import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.golden_files import OPTION
from tests.kafka import Broker, running_broker

# No deadlines and no check of speed: a busy machine must not fail a law. CI repeats the same
# examples in every run; the others print a blob that reproduces what they found.
_NOT_TIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", _NOT_TIMED, max_examples=50, print_blob=True)
settings.register_profile("ci", _NOT_TIMED, max_examples=100, derandomize=True, database=None)
settings.register_profile("night", _NOT_TIMED, max_examples=20_000, print_blob=True)
settings.load_profile(
    os.environ.get("TOCSIN_HYPOTHESIS") or ("ci" if os.environ.get("CI") else "dev")
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes the golden files anew; read the difference before committing it."""
    parser.addoption(OPTION, action="store_true", help="write the golden files anew")


@pytest.fixture
def is_update(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are written instead of compared."""
    return bool(request.config.getoption(OPTION))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A Kafka for all tests that ask for one, started when the first does."""
    with running_broker(tmp_path_factory.mktemp("kafka")) as found:
        yield found


def count_skips(reports: list[pytest.TestReport]) -> str:
    """One line: how many tests were skipped, and the reasons, the most frequent first."""
    reasons: Counter[str] = Counter()
    for report in reports:
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[why.removeprefix("Skipped: ")] += 1
    listed = "; ".join(f"{count} × {why}" for why, count in reasons.most_common())
    return f"skipped {reasons.total()}: {listed}" if reasons else "skipped 0"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not tested, so that a green run is not taken for more than it is."""
    terminalreporter.write_line(count_skips(terminalreporter.stats.get("skipped", [])))
