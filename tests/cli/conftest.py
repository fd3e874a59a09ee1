"""One running Tocsin and one simulator for all tests of the command line that only ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.tocsin import Done, tocsin
from tests.crash.processes import World
from tests.golden_files import OPTION
from tests.wait import wait_until

TOPOLOGY = """
receivers:
  on-call: {sink: pagerduty, routing_key: "env:PAGERDUTY_ROUTING_KEY", rate: 1000/s, repeat: off}
routes:
  receiver: on-call
  routes:
    - {match: ['severity=~"info|warning"'], receiver: none}
correlate:
  quiet: off
  rules:
    - {name: by-service, when: 'alert.service != ""', group_by: [service], gap: 10m}
"""


class Running(World):
    """A World, and the command line that asks it."""

    def call(self, *arguments: str, stdin: str = "") -> Done:
        """One call that finds this Tocsin by its data folder."""
        return tocsin(*arguments, stdin=stdin, environment={"TOCSIN_DATA": str(self.data)})

    def incident(self, name: str, **fields: Any) -> str:
        """Send an alert and wait until its incident shows; the incident's id."""
        self.post([name], **{"service": name.lower(), **fields})

        def find() -> str:
            rows = self.call("incidents", "-q", name, "--status", "any", "--json").json
            return str(rows["incidents"][0]["incident_id"]) if rows["incidents"] else ""

        return wait_until(find, what=f"an incident of {name}")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    world = Running(tmp_path_factory.mktemp("running"), TOPOLOGY)
    yield world
    world.end()


@pytest.fixture
def is_update(request: pytest.FixtureRequest) -> bool:
    """Whether the golden files are to be written anew."""
    return bool(request.config.getoption(OPTION, default=False))
