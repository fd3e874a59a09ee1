"""`tocsin serve` on a real broker: what it answered 202 is on the log, whatever is killed."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer
from msgspec.structs import replace

from pipeline.codec import decode, encode
from pipeline.domain.audit import AuditRecord
from pipeline.domain.command import Command
from pipeline.domain.incident import Incident
from pipeline.simulate.kafka import Node
from tests.cli.tocsin import tocsin
from tests.crash.processes import ROUTING_KEY, Process
from tests.hosts.faust.topics import read_all
from tests.kafka import require_kafka
from tests.real import ROOT
from tests.wait import wait_until

TOPOLOGY = """
version: 1
defaults: {partitions: 4, replication: 1}
receivers: {on-call: {sink: pagerduty, routing_key: "env:KEY"}}
routes: {receiver: on-call}
"""


class Site:
    """A node, a file, and edges over it."""

    def __init__(self, node: Node, folder: Path) -> None:
        self.node = node
        self.folder = folder
        self.config = folder / "topology.yaml"
        self.config.write_text(TOPOLOGY, encoding="utf-8")
        self.environment = {"TOCSIN_KAFKA_BOOTSTRAP": node.bootstrap, "KEY": ROUTING_KEY}

    def serve(self, name: str = "data") -> Process:
        return Process(
            "serve",
            *("--listen", "127.0.0.1:0"),
            *("--data", str(self.folder / name)),
            *("--config", str(self.config)),
            environment=self.environment,
        )

    def names(self) -> Counter[str]:
        """The alerts on raw-alerts by name."""
        values = [m.value() for m in read_all(self.node.bootstrap, "raw-alerts")]
        return Counter(json.loads(value)["name"] for value in values)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A node of its own, since the stream's topics have one name each, and may be killed."""
    require_kafka()
    folder = tmp_path_factory.mktemp("site")
    with Node(folder / "node") as node:
        found = Site(node, folder)
        refused = tocsin("serve", "--config", str(found.config), environment=found.environment)
        assert refused.code == 2
        assert "run `tocsin topology apply`" in refused.err
        applied = tocsin(
            "topology", "apply", str(found.config), "--yes", environment=found.environment
        )
        assert applied.code == 0, applied.err
        yield found


@pytest.fixture
def edge(
    site: Site, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Process]:
    """One running edge, in a working directory where it leaves nothing."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    process = site.serve()
    try:
        yield process
    finally:
        process.end()
    assert list(elsewhere.iterdir()) == []


def post(url: str, names: list[str], client: httpx.Client | None = None) -> httpx.Response:
    """Send one batch; the answer, whatever it is."""
    batch = [{"name": name, "status": "firing", "labels": {"n": name}} for name in names]
    if client is not None:
        return client.post(f"{url}/api/v1/alerts", json=batch)
    return httpx.post(f"{url}/api/v1/alerts", json=batch, trust_env=False, timeout=20)


def get(url: str, path: str) -> httpx.Response:
    return httpx.get(f"{url}{path}", trust_env=False, timeout=20)


class Load:
    """Senders in threads that go on until `stop`; `accepted` are the names that got a 202."""

    def __init__(self, url: str, word: str, count: int, size: int) -> None:
        self.accepted: list[str] = []
        self.refused: list[tuple[float, httpx.Response]] = []
        self.cut_off: list[str] = []
        self._url, self._word, self._size = url, word, size
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def _send(self, sender: int) -> None:
        with httpx.Client(trust_env=False, timeout=20) as client:
            number = 0
            while not self._stopping.is_set():
                number += 1
                names = [f"{self._word}-{sender}-{number}-{k}" for k in range(self._size)]
                began_s = time.monotonic()
                try:
                    answer = post(self._url, names, client)
                except httpx.HTTPError:
                    self.cut_off += names
                    return
                if answer.status_code == 202:
                    self.accepted += names
                else:
                    self.refused.append((time.monotonic() - began_s, answer))
                    self.cut_off += names

    def has(self, count: int) -> bool:
        """Whether more than so many were accepted."""
        return len(self.accepted) > count

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()


def test_what_is_accepted_is_on_the_log_by_its_key(site: Site, edge: Process) -> None:
    names = [f"first-{n}" for n in range(100)]
    answer = post(edge.url, names)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 100
    found = site.names()
    assert {name: found[name] for name in names} == dict.fromkeys(names, 1)
    messages = read_all(site.node.bootstrap, "raw-alerts")
    assert len({m.partition() for m in messages}) == 4
    assert all(m.key() for m in messages)
    headers = dict(messages[0].headers())
    assert headers["tenant"] == b"default"
    assert headers["format"] == b"native"
    again = post(edge.url, names[:1])
    assert again.status_code == 202
    key, partition = messages[0].key(), messages[0].partition()
    same = [m for m in read_all(site.node.bootstrap, "raw-alerts") if m.key() == key]
    assert {m.partition() for m in same} == {partition}
    bad = httpx.post(f"{edge.url}/api/v1/alerts", content=b"{", trust_env=False)
    assert bad.status_code == 400


def test_it_refuses_rules_that_were_not_applied(site: Site, edge: Process) -> None:
    site.config.write_text(f"{TOPOLOGY}scope: [cluster]\n", encoding="utf-8")
    try:
        refused = tocsin("serve", "--config", str(site.config), environment=site.environment)
        assert refused.code == 2
        assert "topology plan" in refused.err
        edge.process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: any("not reloaded" in line for line in edge.lines), what="it has refused"
        )
    finally:
        site.config.write_text(TOPOLOGY, encoding="utf-8")
    edge.process.send_signal(signal.SIGHUP)
    wait_until(
        lambda: any("reloaded" in line and "not" not in line for line in edge.lines), what=""
    )
    assert post(edge.url, ["after-reload"]).status_code == 202
    assert edge.stop() == 0
    assert any('"event": "stopped"' in line for line in edge.lines)


def test_it_refuses_a_client_library_that_it_was_not_written_against(
    site: Site, tmp_path: Path
) -> None:
    other = tmp_path / "aiokafka-0.15.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: aiokafka\nVersion: 0.15.0\n")
    refused = tocsin(
        *("serve", "--config", str(site.config), "--data", str(tmp_path / "data")),
        *("--listen", "127.0.0.1:0"),
        environment={**site.environment, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
    )
    assert refused.code == 1
    assert "aiokafka is 0.15.0, and 0.14.0 is needed" in refused.err
    assert not (tmp_path / "data").exists(), "it began nothing"


def test_one_folder_has_one_edge_and_a_stranger_needs_a_token(site: Site, edge: Process) -> None:
    arguments = ["serve", "--config", str(site.config), "--data", str(site.folder / "data")]
    second = tocsin(*arguments, "--listen", "127.0.0.1:0", environment=site.environment)
    assert second.code == 1
    assert f"in use by process {edge.process.pid}" in second.err
    outside = tocsin(*arguments, "--listen", "0.0.0.0:0", environment=site.environment)
    assert outside.code == 2
    assert "TOCSIN_TOKEN" in outside.err
    nowhere = tocsin(*arguments, environment={"KEY": ROUTING_KEY})
    assert nowhere.code == 2
    assert "TOCSIN_KAFKA_BOOTSTRAP" in nowhere.err


def test_the_api_answers_from_the_view_of_every_edge(site: Site, edge: Process) -> None:
    other = site.serve("other")
    try:
        wait_until(lambda: get(other.url, "/readyz").status_code == 200, what="ready")
        made = httpx.post(
            f"{edge.url}/api/v1/silences",
            json={"matchers": ['service="a"'], "duration": "1h"},
            trust_env=False,
        )
        assert made.status_code == 201, made.text
        changed = httpx.post(
            f"{edge.url}/api/v1/changes", json={"service": "a", "summary": "s"}, trust_env=False
        )
        assert changed.status_code < 300, changed.text
        for url in (edge.url, other.url):
            wait_until(partial(_silences, url), what="the silence")
        text = wait_until(
            lambda: (
                text
                if "tocsin_ready 1.0" in (text := get(other.url, "/metrics").text)
                and 'tocsin_lag_records{task="view"} 0.0' in text
                else ""
            ),
            what="metrics say that it is well",
        )
        lag_s = next(line for line in text.splitlines() if line.startswith("tocsin_view_lag_s"))
        assert float(lag_s.split()[1]) < 10
        assert json.loads((site.folder / "other" / "server.json").read_text())["url"] == other.url
    finally:
        assert other.stop() == 0


def _silences(url: str) -> Any:
    return get(url, "/api/v1/silences").json()["silences"]


def _decide(bootstrap: str, incident: Incident) -> None:
    """What the agent decide would do with the command that is on the log."""
    found = [decode(Command, m.value()) for m in read_all(bootstrap, "commands")]
    command = next(each for each in found if each.incident_id == incident.incident_id)
    assert command.kind == "acknowledge"
    at_ms = command.created_at_ms + 5
    told = AuditRecord(
        at_ms=at_ms,
        tenant=incident.tenant,
        agent="decide",
        stage="correlate",
        reason="correlate.applied",
        text="acknowledged",
        incident_id=incident.incident_id,
        command_id=command.command_id,
        result="applied",
    )
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": "decide"})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce("audit", encode(told), incident.tenant)
    _put(producer, incident, status="acknowledged", updated_at_ms=at_ms)
    producer.commit_transaction(20)


def _put(producer: Producer, incident: Incident, **changes: Any) -> None:
    value = encode(replace(incident, **changes))
    producer.produce("incidents", value, incident.incident_id)
    assert producer.flush(20) == 0


def test_a_command_is_answered_after_its_commit_or_with_202(site: Site, edge: Process) -> None:
    incident = Incident(
        incident_id="00000000000000aa.1",
        scope_id="00000000000000aa",
        tenant="default",
        status="triggered",
        title="t",
        severity="critical",
        group_key="g",
        rule="r",
        opened_at_ms=1,
        updated_at_ms=1,
    )
    _put(Producer({"bootstrap.servers": site.node.bootstrap}), incident)
    path = f"/api/v1/incidents/{incident.incident_id}"
    wait_until(lambda: get(edge.url, path).status_code == 200, what="the incident is shown")
    answers: list[httpx.Response] = []

    def ask() -> None:
        url = f"{edge.url}{path}/acknowledge"
        answers.append(httpx.post(url, json={}, trust_env=False, timeout=20))

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: read_all(site.node.bootstrap, "commands"), what="the command is on the log")
    _decide(site.node.bootstrap, incident)
    asking.join()
    assert answers[0].status_code == 200, answers[0].text
    assert answers[0].json()["incident"]["status"] == "acknowledged"
    began_s = time.monotonic()
    nobody = httpx.post(f"{edge.url}{path}/note", json={"text": "n"}, trust_env=False, timeout=20)
    assert nobody.status_code == 202
    assert nobody.json()["result"] == "pending"
    assert 4 < time.monotonic() - began_s < 8


def test_an_edge_that_is_killed_loses_nothing_that_it_accepted(site: Site) -> None:
    for turn in range(3):
        edge = site.serve()
        load = Load(edge.url, f"kill-{turn}", count=8, size=5)
        wait_until(partial(load.has, 500), what="accepted")
        edge.kill()
        load.stop()
        found = site.names()
        assert set(load.accepted) <= found.keys()
        assert all(found[name] == 1 for name in load.accepted)
        there = [name for name in load.cut_off if name in found]
        assert len(there) <= 8 * 5  # of each sender at most the batch that was not answered


def test_a_broker_that_is_killed_is_said_and_costs_nothing(site: Site) -> None:
    edge = site.serve()
    load = Load(edge.url, "broker", count=20, size=10)
    try:
        wait_until(lambda: len(load.accepted) > 1_000, what="accepted")
        before_kib = _memory_kib(edge.process.pid)
        site.node.kill()
        wait_until(lambda: len(load.refused) >= 40, what="refused", deadline_s=30)
        ready = get(edge.url, "/readyz")
        assert ready.status_code == 503
        assert ready.json()["complaints"]
        assert get(edge.url, "/healthz").status_code == 200
        assert _memory_kib(edge.process.pid) - before_kib < 100_000
        accepted = len(load.accepted)
        site.node.resume()
        wait_until(
            lambda: len(load.accepted) > accepted + 1_000, what="accepted again", deadline_s=60
        )
        wait_until(lambda: get(edge.url, "/readyz").status_code == 200, what="ready", deadline_s=60)
    finally:
        load.stop()
        edge.end()
    for took_s, answer in load.refused:
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert took_s < 6
    found = site.names()
    assert set(load.accepted) <= found.keys()
    twice = [name for name in load.accepted if found[name] > 1]
    assert not twice
    refused_but_there = [name for name in load.cut_off if name in found]
    # Those that were on their way when the broker died: 503 promises nothing, and they repeat.
    assert len(refused_but_there) <= 20 * 10


def _memory_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")
