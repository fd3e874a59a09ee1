"""The proxy before a small server that answers in Kafka's framing: each fault does what it says."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from tests.crash.kafka.frames import APIS, asked_in, framed
from tests.crash.kafka.proxy import Fault, Proxies
from tests.wait import wait_until

END = APIS["EndTxn"]
FETCH = APIS["Fetch"]


def receive(connection: socket.socket) -> bytes:
    """One body; empty at the end of the connection."""
    size = connection.recv(4, socket.MSG_WAITALL)
    if len(size) < 4:
        return b""
    return connection.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)


class EchoBroker:
    """Answers each request with its correlation id and body; notes what arrived, in order."""

    def __init__(self) -> None:
        self.arrived: list[int] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while body := receive(connection):
                    asked = asked_in(body)
                    self.arrived.append(asked.correlation)
                    connection.sendall(framed(asked.correlation.to_bytes(4, "big") + body))
            except OSError:
                return

    def close(self) -> None:
        if self._server.fileno() >= 0:
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


class Client:
    """A connection through the proxy that asks in Kafka's framing."""

    def __init__(self, port: int, name: str = "tester") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._name = name.encode()

    def ask(self, correlation: int, api: int = END) -> None:
        header = struct.pack(">hhih", api, 1, correlation, len(self._name))
        self.socket.sendall(framed(header + self._name + b"payload"))

    def answer(self) -> int:
        """The correlation id of the next response; -1 where the connection has ended."""
        try:
            body = receive(self.socket)
        except ConnectionError:
            return -1
        return int.from_bytes(body[:4], "big") if body else -1

    def is_silent_for(self, seconds: float) -> bool:
        self.socket.settimeout(seconds)
        try:
            self.socket.recv(1)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(10)
        return False


class Between:
    """A broker and a proxy before it."""

    def __init__(self) -> None:
        self.broker = EchoBroker()
        self.proxies = Proxies()
        self.proxy, self.port = self.proxies.listen()
        self.proxy.upstream = ("127.0.0.1", self.broker.port)
        self._clients: list[Client] = []

    def client(self, name: str = "tester") -> Client:
        self._clients.append(Client(self.port, name))
        return self._clients[-1]

    def close(self) -> None:
        for client in self._clients:
            client.socket.close()
        self.proxies.close()
        self.broker.close()


@pytest.fixture
def between() -> Iterator[Between]:
    between = Between()
    yield between
    between.close()


def test_without_a_fault_everything_passes_and_is_counted(between: Between) -> None:
    client = between.client()
    for number in range(100):
        client.ask(number, FETCH if number % 2 else END)
        assert client.answer() == number
    assert between.proxy.requests == {"EndTxn": 50, "Fetch": 50}
    assert between.proxies.hits() == []


def test_a_response_is_held_and_then_delivered(between: Between) -> None:
    between.proxies.arm(Fault(action="hold", api="EndTxn", nth=2, hold_s=0.3))
    client = between.client()
    client.ask(1)
    assert client.answer() == 1
    started_s = time.monotonic()
    client.ask(2)
    assert client.answer() == 2
    assert time.monotonic() - started_s >= 0.3
    assert between.broker.arrived == [1, 2]
    client.ask(3)
    assert client.answer() == 3
    assert [hit.asked.correlation for hit in between.proxies.hits()] == [2]


def test_a_fault_of_one_api_or_client_leaves_the_others_alone(between: Between) -> None:
    between.proxies.arm(Fault(action="cut", api="EndTxn", client="victim", times=99))
    client = between.client("victim")
    client.ask(1, FETCH)
    assert client.answer() == 1
    other = between.client("other")
    other.ask(2, END)
    assert other.answer() == 2
    client.ask(3, END)
    assert client.answer() == -1


def test_a_held_request_arrives_after_its_client_has_gone(between: Between) -> None:
    armed = between.proxies.arm(Fault(action="hold", side="request", hold_s=60))
    client = between.client()
    client.ask(1)
    wait_until(between.proxies.hits, what="the request is held")
    client.socket.close()
    again = between.client()
    again.ask(2)
    assert again.answer() == 2
    assert between.broker.arrived == [2]
    between.proxies.release(armed)
    wait_until(lambda: between.broker.arrived == [2, 1], what="the late duplicate arrives")
    assert between.broker.arrived == [2, 1]


@pytest.mark.parametrize(("side", "arrived"), [("request", []), ("response", [1])])
def test_a_cut_loses_the_request_or_only_its_response(
    between: Between, side: str, arrived: list[int]
) -> None:
    between.proxies.arm(Fault(action="cut", side=side))  # type: ignore[arg-type]
    client = between.client()
    client.ask(1)
    assert client.answer() == -1
    wait_until(lambda: between.broker.arrived == arrived, what="what arrived")
    assert between.broker.arrived == arrived


def test_a_half_open_connection_says_nothing_and_stays(between: Between) -> None:
    between.proxies.arm(Fault(action="swallow", side="response"))
    client = between.client()
    client.ask(1)
    client.ask(2)
    wait_until(lambda: between.broker.arrived == [1, 2], what="requests still arrive")
    assert client.is_silent_for(0.2)


def test_a_stall_holds_one_direction_until_it_is_healed(between: Between) -> None:
    client = between.client()
    between.proxies.stall("request")
    client.ask(1)
    assert client.is_silent_for(0.2)
    assert between.broker.arrived == []
    between.proxies.heal()
    assert client.answer() == 1


def test_all_connections_of_a_client_are_cut_at_once(between: Between) -> None:
    client, other = between.client("victim-1"), between.client("other")
    for number, one in enumerate((client, other)):
        one.ask(number)
        assert one.answer() == number
    assert between.proxies.cut("victim") == 1
    assert client.answer() == -1
    other.ask(9)
    assert other.answer() == 9


def test_what_is_not_kafka_ends_the_connection(between: Between) -> None:
    client = between.client()
    client.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert client.answer() == -1


def test_a_broker_that_is_away_is_a_closed_connection(between: Between) -> None:
    between.broker.close()
    client = between.client()
    assert client.answer() == -1
