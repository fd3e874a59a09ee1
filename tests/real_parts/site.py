"""A Tocsin that real programs are pointed at: it keeps its address when it is started again."""

from __future__ import annotations

from typing import Any

from tests.crash.processes import ROUTING_KEY, Process, World
from tests.wait import wait_until


class Site(World):
    """As World; `restart` listens where the killed process did, as a service would."""

    def _start(self) -> Process:
        former = getattr(self, "tocsin", None)
        if former is None:
            return self._run("127.0.0.1:0")
        address = former.url.removeprefix("http://")
        # Between two runs the kernel may lend the port to somebody's connection for a moment.
        found = wait_until(lambda: self._try(address), what=f"{address} is free again")
        assert found is not None
        return found

    def page_of(self, title: str) -> dict[str, Any]:
        """The first call that triggered under this title, as the simulator took it."""
        return wait_until(
            lambda: next(
                (
                    call
                    for call in self.calls()
                    if call["payload"] and call["payload"]["summary"] == title
                ),
                {},
            ),
            what=f"a page for {title}",
        )

    def pages(self, title: str) -> list[str]:
        """What the calls for this title did at the receiver, in order."""
        keys = {
            call["dedup_key"]
            for call in self.calls()
            if call["payload"] and call["payload"]["summary"] == title
        }
        return [call["effect"] for call in self.calls() if call["dedup_key"] in keys]

    def _try(self, address: str) -> Process | None:
        try:
            return self._run(address)
        except AssertionError as error:
            if "in use" in str(error):
                return None
            raise

    def _run(self, address: str) -> Process:
        return Process(
            "run",
            *("--listen", address),
            *("--data", str(self.data)),
            *("--config", str(self.config)),
            environment={
                "TOCSIN_PAGERDUTY_EVENTS_URL": self.simulator.url,
                "PAGERDUTY_ROUTING_KEY": ROUTING_KEY,
            },
        )
