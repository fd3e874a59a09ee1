"""Whether golden files are to be written anew: the option is read once, in one way."""

import pytest

from tests.golden_files import OPTION


@pytest.fixture
def is_update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption(OPTION, default=False))
