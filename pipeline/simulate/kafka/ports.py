"""Ports that stay ours while nothing listens on them, so that a node comes back where it was.

On Linux a socket that is bound with SO_REUSEADDR and does not listen keeps the kernel from giving
its port to others, and lets the broker, which sets the same option, listen there. Elsewhere that
would be refused, so the port is only looked up.
"""

from __future__ import annotations

import errno
import socket
import sys
from types import TracebackType
from typing import Final, Self

from pipeline.domain.errors import Busy, UsageError

HOST: Final = "127.0.0.1"


class Ports:
    """Reserved ports of 127.0.0.1, to be closed when they are needed no more."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def reserve(self, port: int = 0) -> int:
        """That port, or one of the kernel's choice. Raises Busy or UsageError."""
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind((HOST, port))
        except OSError as error:
            holder.close()
            if error.errno == errno.EADDRINUSE:
                raise Busy(
                    f"{HOST}:{port} is in use: stop what listens there, or choose another port"
                    " (0: any that is free)"
                ) from None
            raise UsageError(f"{HOST}:{port} cannot be listened on: {error.strerror}") from None
        found: int = holder.getsockname()[1]
        if sys.platform == "linux":
            self._held.append(holder)
        else:
            holder.close()
        return found

    def close(self) -> None:
        """Give all of them back to the kernel."""
        while self._held:
            self._held.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
