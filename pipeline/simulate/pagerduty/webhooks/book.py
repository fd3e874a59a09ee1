"""Subscriptions and the deliveries that wait: what is due, and what an answer means for it.

Deliveries to one subscription about one resource go in order, one at a time. 2xx is delivered;
no answer, 5xx and 429 are tried again with doubling waits; any other status drops the delivery
at once, and after three drops in a row the subscription rests for 24 hours and loses its queue.
All as PagerDuty documents it, but for `attempts_max`, which stands for its 48 hours.
Pure: no clock, no I/O. Bounds: 100 subscriptions, 10 per filter, `waiting_max` deliveries each
(more are dropped and counted), bodies of 256 KB, the last 1,000 attempts for the reader.
"""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from pipeline.simulate.pagerduty.directory import Ids

SUBSCRIPTIONS_MAX: Final = 100
SUBSCRIPTIONS_PER_FILTER_MAX: Final = 10
WAITING_MAX: Final = 10_000
BODY_BYTES_MAX: Final = 256 * 1024
ATTEMPTS_MAX: Final = 12
ATTEMPTS_KEPT: Final = 1_000
IN_FLIGHT_MAX: Final = 32
DROPS_UNTIL_DISABLED: Final = 3
DISABLED_MS: Final = 24 * 3600 * 1000
BACKOFF_MS: Final = 1_000
BACKOFF_MS_MAX: Final = 300_000


@dataclass(slots=True)
class Delivery:
    """One event for one subscription; `webhook_id` stays the same over all attempts."""

    webhook_id: str
    event_type: str
    body: bytes = field(repr=False)
    attempts: int = 0
    not_before_ms: int = 0
    is_in_flight: bool = False


@dataclass(slots=True)
class Subscription:
    """Who is told what, where. The secret signs the bodies and is shown once, at creation."""

    id: str
    url: str
    secret: str = field(repr=False)
    event_types: tuple[str, ...]
    filter_kind: str
    filter_id: str | None
    description: str = ""
    custom_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    is_active: bool = True
    disabled_until_ms: int = 0
    drops_in_a_row: int = 0
    lanes: dict[str, deque[Delivery]] = field(default_factory=dict)
    waiting: int = 0

    def wants(self, event_type: str, service_id: str, now_ms: int) -> bool:
        """Whether an event of a service is to be told."""
        if not self.is_active or now_ms < self.disabled_until_ms:
            return False
        if self.filter_kind == "service_reference" and self.filter_id != service_id:
            return False
        return self.filter_kind != "team_reference" and event_type in self.event_types


class Attempt(msgspec.Struct, frozen=True):
    """One call that was made, for `GET /_sim/webhooks`."""

    at_ms: int
    subscription_id: str
    webhook_id: str
    event_type: str
    attempt: int
    status_code: int | None
    outcome: str


class WebhookBook:
    """All subscriptions; `seed` makes their secrets."""

    def __init__(
        self,
        seed: bytes = b"",
        waiting_max: int = WAITING_MAX,
        attempts_max: int = ATTEMPTS_MAX,
        backoff_ms: int = BACKOFF_MS,
    ) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self.attempts: deque[Attempt] = deque(maxlen=ATTEMPTS_KEPT)
        self.delivered = 0
        self.dropped = 0
        self._in_flight = 0
        self._seed = seed
        self._ids = Ids()
        self._waiting_max = waiting_max
        self._attempts_max = attempts_max
        self._backoff_ms = backoff_ms

    @property
    def waiting(self) -> int:
        """How many deliveries are queued or under way."""
        return sum(subscription.waiting for subscription in self.subscriptions.values())

    def subscribe(
        self, url: str, event_types: tuple[str, ...], filter_kind: str, filter_id: str | None
    ) -> Subscription:
        """A new subscription with a secret of its own."""
        id_ = self._ids.next("P", 6)
        secret = base64.b64encode(hashlib.sha384(self._seed + id_.encode()).digest()).decode()
        subscription = Subscription(id_, url, secret, event_types, filter_kind, filter_id)
        self.subscriptions[id_] = subscription
        return subscription

    def wanted_by(self, event_type: str, service_id: str, now_ms: int) -> list[Subscription]:
        """The subscriptions that an event is for; mostly none, so ask before drawing it."""
        return [
            subscription
            for subscription in self.subscriptions.values()
            if subscription.wants(event_type, service_id, now_ms)
        ]

    def queue(
        self, subscription: Subscription, event_type: str, resource_id: str, body: bytes
    ) -> None:
        """Put an event at the end of its resource's lane; over a limit it is dropped."""
        if subscription.waiting >= self._waiting_max or len(body) > BODY_BYTES_MAX:
            self.dropped += 1
            return
        delivery = Delivery(self._ids.next("W"), event_type, body)
        subscription.lanes.setdefault(resource_id, deque()).append(delivery)
        subscription.waiting += 1

    def take_due(self, now_ms: int) -> Iterator[tuple[Subscription, str, Delivery]]:
        """The heads of lanes that are due, marked as under way, at most IN_FLIGHT_MAX at once."""
        for subscription in self.subscriptions.values():
            for resource_id, lane in subscription.lanes.items():
                head = lane[0]
                if self._in_flight >= IN_FLIGHT_MAX:
                    return
                if not head.is_in_flight and head.not_before_ms <= now_ms:
                    head.is_in_flight = True
                    head.attempts += 1
                    self._in_flight += 1
                    yield subscription, resource_id, head

    def next_due_at_ms(self) -> int | None:
        """When the earliest delivery that is not under way may be tried; None if none waits."""
        return min(
            (
                lane[0].not_before_ms
                for subscription in self.subscriptions.values()
                for lane in subscription.lanes.values()
                if not lane[0].is_in_flight
            ),
            default=None,
        )

    def settle(
        self,
        subscription: Subscription,
        resource_id: str,
        delivery: Delivery,
        status_code: int | None,
        now_ms: int,
    ) -> None:
        """Draw the consequence of an attempt; `status_code` None: there was no answer."""
        self._in_flight -= 1
        delivery.is_in_flight = False
        if status_code is not None and 200 <= status_code < 300:
            outcome = "delivered"
            self.delivered += 1
            subscription.drops_in_a_row = 0
        elif status_code is None or status_code == 429 or status_code >= 500:
            outcome = "retry" if delivery.attempts < self._attempts_max else "dropped"
        else:
            outcome = "dropped"
        if outcome == "retry":
            wait_ms = self._backoff_ms * 2 ** (delivery.attempts - 1)
            delivery.not_before_ms = now_ms + min(wait_ms, BACKOFF_MS_MAX)
        else:
            self._leave(subscription, resource_id, delivery)
        self.attempts.append(
            Attempt(
                now_ms,
                subscription.id,
                delivery.webhook_id,
                delivery.event_type,
                delivery.attempts,
                status_code,
                outcome,
            )
        )
        if outcome == "dropped":
            self._drop(subscription, now_ms)

    def _leave(self, subscription: Subscription, resource_id: str, delivery: Delivery) -> None:
        lane = subscription.lanes.get(resource_id)
        # The lane is gone where the subscription was disabled while the call was under way.
        if lane is None or lane[0] is not delivery:
            return
        lane.popleft()
        subscription.waiting -= 1
        if not lane:
            del subscription.lanes[resource_id]

    def _drop(self, subscription: Subscription, now_ms: int) -> None:
        self.dropped += 1
        subscription.drops_in_a_row += 1
        if subscription.drops_in_a_row >= DROPS_UNTIL_DISABLED:
            subscription.drops_in_a_row = 0
            subscription.disabled_until_ms = now_ms + DISABLED_MS
            self.dropped += subscription.waiting
            subscription.lanes.clear()
            subscription.waiting = 0
