"""Addresses to listen on: HOST:PORT in parts, and what to say where one cannot be had."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pipeline.domain.errors import Busy, UsageError

PORT_MAX: Final = 65_535


def address(listen: str) -> tuple[str, int]:
    """HOST:PORT in parts; an IPv6 host stands in brackets. Raises UsageError."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > PORT_MAX:
        raise UsageError(f"{listen!r} is no address: write HOST:PORT, such as 127.0.0.1:9194")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the host."""
    return host in ("localhost", "::1") or host.startswith("127.")


def guarded_address(listen: str, *, has_token: bool) -> tuple[str, int]:
    """As `address`, where nobody from outside may come in without a token. Raises UsageError."""
    host, port = address(listen)
    if not has_token and not is_loopback(host):
        raise UsageError(
            f"{host} can be reached from outside: set TOCSIN_TOKEN, or listen on 127.0.0.1"
        )
    return host, port


@contextmanager
def listening(where: str) -> Iterator[None]:
    """Turn the system's refusal of an address into a sentence. Raises Busy or UsageError."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Busy(
                f"{where} is in use: stop what listens there, or choose another with"
                " --listen HOST:PORT (port 0: any that is free)"
            ) from None
        if error.errno in (errno.EADDRNOTAVAIL, errno.EACCES):
            raise UsageError(
                f"{where} cannot be listened on ({error.strerror}): choose another with"
                " --listen HOST:PORT"
            ) from None
        raise
