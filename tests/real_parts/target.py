"""A scrape target of a test: one metric whose value the test sets."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

METRIC: Final = "door_open"


class Target:
    """Serves `door_open` at `url`, without a sample while `value` is None."""

    def __init__(self) -> None:
        self.value: float | None = 0.0
        target = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                value = target.value
                body = b"" if value is None else f"{METRIC} {value}\n".encode()
                self.send_response(200)
                self.send_header("content-type", "text/plain")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Prometheus' own log says enough."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
