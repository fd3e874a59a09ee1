"""Echoes: what comes back to who decides: its own alerts, and receipts of its notifications.

History has both on its topics, at the place where they were read. What the other run also said,
in the same epoch, comes back to it with history; what it alone said comes back at once, each of
its notifications delivered; and what history alone said does not come back.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from pipeline.app.backtest.pages import NOTIFICATIONS, notifications
from pipeline.app.backtest.pairs import Pairs
from pipeline.codec import decode, encode
from pipeline.domain.notification import DELIVERED, Notification, Receipt
from pipeline.domain.record import Record
from pipeline.domain.store import Output

ALERTS: Final = "alerts"
RECEIPTS: Final = "receipts"

WAITED_FOR_MAX: Final = 100_000
"""Notifications whose receipts are waited for; the oldest is then taken for one of before."""

_Said = tuple[str, bytes | None]


class Echoes:
    """Knows of each record that history read whether the other run is to read it too."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self._real_alerts: deque[_Said] = deque()
        self._shared_alerts: Counter[_Said] = Counter()
        self._answers: dict[str, str] = {}
        self._offset = 0

    def history(self, outputs: Iterable[Output]) -> None:
        """Take in what history put out in an epoch."""
        for output in outputs:
            if output.topic == ALERTS:
                self._real_alerts.append((output.key, output.value))
            elif output.topic == NOTIFICATIONS:
                told = _notification(output)
                self._answers[told.notification_id] = ""
                if len(self._answers) > WAITED_FOR_MAX:
                    del self._answers[next(iter(self._answers))]

    def other(
        self, outputs: Sequence[Output], beside: Sequence[Output], now_ms: int
    ) -> list[Record]:
        """Take in what the other run put out while history put out `beside`; the records that
        come back at once.
        """
        back: list[Record] = []
        alerts = Counter((o.key, o.value) for o in beside if o.topic == ALERTS)
        for output in outputs:
            said = (output.key, output.value)
            if output.topic != ALERTS:
                continue
            if alerts[said]:
                alerts[said] -= 1
                self._shared_alerts[said] += 1
            else:
                back.append(self._record(ALERTS, output, now_ms))
        reals = {
            (t.incident_id, t.receiver, t.sequence, t.action): t for t in notifications(beside)
        }
        for told in notifications(outputs):
            real_id = self._pairs.real_of(told.incident_id)
            mate = reals.get((real_id, told.receiver, told.sequence, told.action))
            if mate is not None:
                self._answers[mate.notification_id] = told.incident_id
            else:
                back.append(self._delivered(told, now_ms))
        return back

    def is_own(self, record: Record) -> bool:
        """Whether an alert that history read is one that it had said to itself; each is asked
        once, in order.
        """
        said = (record.key, record.value)
        if not self._real_alerts or self._real_alerts[0] != said:
            return False
        self._real_alerts.popleft()
        return True

    def is_shared(self, record: Record) -> bool:
        """Whether the other run had said the same to itself, in the same epoch."""
        said = (record.key, record.value)
        if not self._shared_alerts[said]:
            del self._shared_alerts[said]
            return False
        self._shared_alerts[said] -= 1
        return True

    def receipt(self, record: Record) -> Record | None:
        """A receipt of history as one of the other run; None where that did not tell this."""
        receipt = record.event if isinstance(record.event, Receipt) else None
        if receipt is None:
            receipt = decode(Receipt, record.value or b"")
        incident_id = self._answers.pop(receipt.notification_id, receipt.incident_id)
        if not incident_id:
            return None
        if incident_id == receipt.incident_id:
            return record
        number = f"{incident_id}/{receipt.receiver}/{receipt.sequence}"
        given = replace(receipt, notification_id=number, incident_id=incident_id)
        return replace(record, value=encode(given), event=given)

    def record(self, output: Output, now_ms: int) -> Record:
        """What an agent put out, as the next one reads it."""
        return self._record(output.topic, output, now_ms)

    def _delivered(self, told: Notification, now_ms: int) -> Record:
        receipt = told.receipt(DELIVERED, now_ms)
        output = Output(topic=RECEIPTS, key=told.scope_id, value=encode(receipt), event=receipt)
        return self._record(RECEIPTS, output, now_ms)

    def _record(self, topic: str, output: Output, now_ms: int) -> Record:
        self._offset += 1
        return Record(
            topic=topic,
            partition=0,
            offset=self._offset,
            key=output.key,
            value=output.value,
            headers=output.headers,
            timestamp_ms=now_ms,
            event=output.event,
        )


def _notification(output: Output) -> Notification:
    event = output.event
    return event if isinstance(event, Notification) else decode(Notification, output.value or b"")
