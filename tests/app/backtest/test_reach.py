"""How far back a backtest reaches, by the journal or by a base, and with which state it begins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.app import compose
from pipeline.app.backtest.course import Span
from pipeline.app.backtest.rules import Variant
from pipeline.app.past import Past
from pipeline.domain.errors import StoreError
from pipeline.domain.secret import Secret
from pipeline.domain.store import Output
from pipeline.hosts.embedded import bases, rules
from pipeline.hosts.embedded.database import connect
from pipeline.hosts.embedded.driver import START_MS
from pipeline.hosts.embedded.folder import DATABASE, installation
from pipeline.hosts.embedded.host import EmbeddedHost
from pipeline.topology.load import load

TEXT = """
receivers: {on-call: {sink: pagerduty, routing_key: "env:KEY", repeat: 1h}}
routes: {receiver: on-call}
correlate: {resolve_timeout: 1d}
"""
MINUTE = 60_000


class Folder:
    """A data folder with an alert every ten minutes, written as `tocsin run` writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now_ms = START_MS
        self.connection = connect(str(path / DATABASE))
        topology = load(TEXT, "t", lambda _: Secret("k" * 32))
        rules.keep(self.connection, topology.hash, TEXT)
        wires = compose.wiring(topology, installation(self.connection), slot="slot1")
        types = compose.event_types(topology)
        self.host = EmbeddedHost(
            self.connection,
            compose.agents(topology, wires),
            topics=types,
            globals_={name: types[name] for name in compose.global_topics(topology)},
            now_ms=lambda: self.now_ms,
        )

    def live(self, *names: str) -> None:
        """An alert of each name, ten minutes apart."""
        for name in names:
            self.now_ms += 10 * MINUTE
            body = json.dumps({"name": name, "status": "firing", "service": name.lower()}).encode()
            self.host.step(
                [Output(topic="raw-alerts", key="", value=body, headers={"format": "native"})]
            )
            while self.host.step()[1]:
                pass

    def base(self) -> int:
        """Copy the state, as once a day; when that was."""
        bases.take(str(self.path / DATABASE), self.path / "bases", self.now_ms)
        return self.now_ms

    def forget(self, topic: str, before_ms: int) -> None:
        """Let a topic go of what is older, as retention does."""
        part = self.host.log.part(topic, 0)
        self.connection.execute(f"DELETE FROM {part.table} WHERE timestamp_ms < ?", (before_ms,))

    def titles(self, from_ms: int, text: str) -> tuple[int, list[str]]:
        """Pages as they were, and what differs under the rules of a text."""
        past = Past(self.path)
        try:
            span = Span(from_ms, self.now_ms, self.now_ms)
            found = past.backtest(Variant(text, "new.yaml", past.text), None, span)
        finally:
            past.close()
        assert found.counts.unequal_epochs == 0
        return found.total.before, [f"{each.kind} {each.title}" for each in found.differences]

    def reach_ms(self) -> int:
        past = Past(self.path)
        try:
            return past.reach_ms()
        finally:
            past.close()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_what_began_before_the_range_is_known_in_it(folder: Folder) -> None:
    """Repeats of what was told before the range are pages of it; nobody misses those."""
    folder.live("A", "B")
    from_ms = folder.now_ms + 1
    folder.live("C", "D", "E", "F", "G", "H")
    before, found = folder.titles(from_ms, "routes: {receiver: none}\n")
    assert before == 8
    assert found[:2] == ["saved A on a", "saved B on b"]
    assert sorted(found[2:]) == [f"undecided {each} on {each.lower()}" for each in "CDEFGH"]
    assert folder.titles(from_ms, TEXT) == (8, [])


def test_it_reaches_to_the_start_while_all_is_kept(folder: Folder) -> None:
    folder.live("A", "B")
    assert folder.reach_ms() == START_MS + 10 * MINUTE


@pytest.mark.parametrize("topic", ["alerts", "journal"])
def test_else_to_the_first_base_that_nothing_is_missing_after(folder: Folder, topic: str) -> None:
    folder.live("A")
    folder.base()
    folder.live("B", "C")
    second_ms = folder.base()
    folder.live("D", "E")
    folder.forget(topic, START_MS + 21 * MINUTE)
    assert folder.reach_ms() == second_ms
    assert folder.titles(second_ms + 1, "routes: {receiver: none}\n") == (
        2,
        ["undecided D on d", "undecided E on e"],
    )


def test_where_nothing_leads_there_it_says_so(folder: Folder) -> None:
    folder.live("A", "B")
    folder.forget("alerts", START_MS + 11 * MINUTE)
    assert folder.reach_ms() == 0


def test_a_range_without_epochs_is_refused(folder: Folder) -> None:
    folder.live("A")
    with pytest.raises(StoreError, match="an earlier --from"):
        folder.titles(folder.now_ms + MINUTE, TEXT)
