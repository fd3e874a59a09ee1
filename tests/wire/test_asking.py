"""One request at a time, and its whole answer: never an exception for what the network does."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from pipeline.domain.sink import Http, Response
from pipeline.wire import asking


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it got; `/teapot` with 418, `/moved` with a redirect, `/gone` with none."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/gone":
            self.connection.close()
            return
        self.send_response({"/teapot": 418, "/moved": 302}.get(self.path, 200))
        self.send_header("location", "/elsewhere")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def post(url: str, body: bytes = b"hello") -> Response:
    return asking.ask(Http(method="POST", url=url, body=body), total_s=10)


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/teapot", 418), ("/moved", 302)])
def test_every_status_is_an_answer_and_nothing_is_followed(
    url: str, path: str, status: int
) -> None:
    answer = post(url + path)
    assert (answer.status, answer.body) == (status, b"hello")
    assert answer.header("location") == "/elsewhere"


def test_an_answer_over_the_limit_counts_as_none(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ANSWER_SIZE_BYTES_MAX", 1_000)
    assert post(url, b"x" * 1_000).status == 200
    answer = post(url, b"x" * 1_001)
    assert answer.status == 0
    assert "ask for less" in answer.error


def test_a_connection_that_breaks_may_have_been_heard(url: str) -> None:
    answer = post(url + "/gone")
    assert (answer.status, answer.is_ambiguous) == (0, True)
    assert answer.error


def test_nobody_there_has_heard_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    answer = post(f"http://127.0.0.1:{port}/")
    assert (answer.status, answer.is_ambiguous) == (0, False)


@pytest.mark.parametrize("wrong", ["nowhere", "ftp://example.org/", "http://[::1"])
def test_what_is_no_address_is_said(wrong: str) -> None:
    answer = post(wrong)
    assert answer.status == 0
    assert answer.error
