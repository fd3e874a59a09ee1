"""One request and its whole answer, without an event loop: how the command line asks a Tocsin."""

from __future__ import annotations

from typing import Final

import httpx

from pipeline.domain.sink import Http, Response

ANSWER_SIZE_BYTES_MAX: Final = 64 * 2**20
"""A longer answer counts as none."""

TOTAL_S: Final = 60.0
CONNECT_S: Final = 3.0


def ask(request: Http, total_s: float = TOTAL_S) -> Response:
    """Send a request and wait. Never raises for what the network does: `status` is then 0."""
    timeout = httpx.Timeout(total_s, connect=CONNECT_S)
    try:
        with (
            httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False) as client,
            client.stream(
                request.method, request.url, headers=request.headers, content=request.body
            ) as answer,
        ):
            body = bytearray()
            for part in answer.iter_bytes():
                body += part
                if len(body) > ANSWER_SIZE_BYTES_MAX:
                    return Response(status=0, error="the answer is over 64 MiB: ask for less")
            return Response(
                status=answer.status_code, headers=dict(answer.headers), body=bytes(body)
            )
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        is_sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return Response(status=0, error=text, is_ambiguous=is_sent)
