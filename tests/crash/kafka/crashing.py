"""Crashing: ends or halts this process at the point it was told, and says why others end it."""

from __future__ import annotations

import os
import signal
import sys
from typing import Final, NoReturn

from pipeline.hosts.faust import points

KILLED: Final = 137
"""What a shell says of a process that kill -9 ended."""


def end(code: int) -> NoReturn:
    """As after a crash: nothing that lingers, a thread of a client say, keeps the process."""
    sys.stdout.flush()
    os._exit(code)


def end_because(error: BaseException | None) -> NoReturn:
    """Say why, and end at once."""
    say(f"ended by {type(error).__name__}: {error}")
    end(1)


class Crashing:
    """Obeys orders `point:nth:how`, the nth time counted from the order on."""

    def __init__(self) -> None:
        self._order = ("", 0, "")
        points.listen(self.reached)

    def order(self, text: str) -> None:
        """Take an order in place of the former one; an empty one takes it back."""
        point, nth, how = (text or ":0:").split(":")
        self._order = (point, int(nth), how)

    def reached(self, point: str) -> None:
        """An epoch has come to a point."""
        wanted, left, how = self._order
        if point != wanted:
            return
        self._order = (wanted, left - 1, how)
        if left != 1:
            return
        if how == "exit":
            os._exit(KILLED)
        say(f"halts at {point}")
        os.kill(os.getpid(), signal.SIGSTOP)


def say(what: str) -> None:
    """One line for who started this process."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()
