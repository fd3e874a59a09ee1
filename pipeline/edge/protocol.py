"""HTTP/1.1 on a connection: uvicorn's, with a bound on the size and the time of a request's head.

uvicorn with httptools has neither: a header without end, or one that comes a byte a minute, would
be held for ever.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SIZE_BYTES_MAX: Final = 65_536
HEAD_S_MAX: Final = 30.0


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request's head is too large or does not come."""

    head_s_max = HEAD_S_MAX
    _patience: asyncio.TimerHandle | None = None
    _head_size_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Counted afterwards: what ended the head, and all that came with it, is not part of it.
        if self._patience is not None and not self.transport.is_closing():
            self._head_size_bytes += len(data)
            if self._head_size_bytes > HEAD_SIZE_BYTES_MAX:
                self.send_400_response(f"The head is over {HEAD_SIZE_BYTES_MAX} bytes.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin_head()

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()

    def _begin_head(self) -> None:
        self._end_head()
        self._patience = self.loop.call_later(self.head_s_max, self.transport.close)

    def _end_head(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._head_size_bytes = 0
