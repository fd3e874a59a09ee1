"""The option that writes the golden files of the sinks anew."""

from __future__ import annotations

import pytest

from tests.golden_files import OPTION


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help="write the golden files anew")


@pytest.fixture
def is_update(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are written; the option is known only where this folder is named."""
    return bool(request.config.getoption(OPTION, default=False))
