"""Faults between a client and a real broker, where aiokafka's connections send their requests.

A request can be refused with an error code instead of being sent, or be carried out and its answer
lost. The broker behind is real, so what it makes of it is too.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError

PRODUCE = 0
OFFSET_FETCH = 9
JOIN_GROUP = 11
HEARTBEAT = 12
INIT_PRODUCER_ID = 22
ADD_PARTITIONS = 24
ADD_OFFSETS = 25
END_TXN = 26
TXN_OFFSET_COMMIT = 28

_ABOUT_PARTITIONS = {PRODUCE, ADD_PARTITIONS, TXN_OFFSET_COMMIT}

Fault = Callable[[AIOKafkaConnection, Any, Any], Awaitable[Any]]


class Faults:
    """What shall go wrong next, by API key, and what was sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: Counter[int] = Counter()
        self._next: defaultdict[int, deque[Fault]] = defaultdict(deque)
        self._send = AIOKafkaConnection.send
        faults = self

        def send(connection: Any, request: Any, expect_response: bool = True) -> Any:
            return faults.pass_on(connection, request, expect_response)

        monkeypatch.setattr(AIOKafkaConnection, "send", send)

    def pass_on(self, connection: Any, request: Any, expect_response: bool) -> Any:
        struct = request.prepare(connection._versions)
        self.sent[struct.API_KEY] += 1
        waiting = self._next[struct.API_KEY]
        if waiting:
            return waiting.popleft()(connection, request, struct)
        return self._send(connection, request, expect_response)

    def refuse(self, key: int, code: int, times: int = 1) -> None:
        """Answer with an error code; nothing is sent."""

        async def refused(_connection: Any, _request: Any, struct: Any) -> Any:
            if key in _ABOUT_PARTITIONS:
                return [(*place, code, -1) for place in struct.places]
            return struct.RESPONSE_TYPE(*_REFUSALS[key](struct, code))

        self._next[key].extend([refused] * times)

    def lose(self, key: int, times: int = 1) -> None:
        """Let the broker carry it out, and lose the answer with the connection."""

        async def lost(connection: Any, request: Any, _struct: Any) -> Any:
            await self._send(connection, request)
            connection.close()
            raise KafkaConnectionError("the answer was lost")

        self._next[key].extend([lost] * times)

    def hold(self, key: int, waiting: Awaitable[Any]) -> None:
        """Send it only after something else has come to pass."""

        async def held(connection: Any, request: Any, _struct: Any) -> Any:
            await waiting
            return await self._send(connection, request)

        self._next[key].append(held)


def _end(struct: Any, code: int) -> tuple[Any, ...]:
    return (0, code, -1, -1, {}) if struct.API_VERSION >= 5 else (0, code, {})


_REFUSALS: dict[int, Callable[[Any, int], tuple[Any, ...]]] = {
    ADD_OFFSETS: lambda _, code: (0, code),
    END_TXN: _end,
    HEARTBEAT: lambda _, code: (0, code),
    INIT_PRODUCER_ID: lambda _, code: (0, code, -1, -1, {}),
}
