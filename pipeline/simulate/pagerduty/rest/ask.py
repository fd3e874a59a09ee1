"""One REST request as the endpoints see it, and how lists are cut into pages.

Classic pagination: `limit` (25, at most 100; more is cut to 100), `offset`, `more`, and `total`
only when asked for. `offset + limit` above 10,000 is an error, as in PagerDuty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeVar

from pipeline.simulate.pagerduty.directory import User
from pipeline.simulate.pagerduty.model import PagerDutyModel
from pipeline.simulate.pagerduty.records import Agent
from pipeline.simulate.pagerduty.rest.errors import RestError, invalid
from pipeline.simulate.pagerduty.webhooks.book import WebhookBook

LIMIT_DEFAULT: Final = 25
LIMIT_MAX: Final = 100
REACH_MAX: Final = 10_000
T = TypeVar("T")


class Reply(NamedTuple):
    """What to answer: a status and a JSON object, or None for an empty body."""

    status_code: int
    body: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that has passed the door: who asks is known, the body is an object.

    `ids` are the variable parts of the path; `sender` is the user of the `From` header, set
    wherever the route requires one.
    """

    model: PagerDutyModel
    webhooks: WebhookBook
    ids: tuple[str, ...]
    query: Mapping[str, Sequence[str]]
    body: Mapping[str, Any]
    sender: User | None
    base_url: str
    now_ms: int

    @property
    def agent(self) -> Agent:
        """The sender as the one who acts."""
        if self.sender is None:
            raise RestError(400, 1008, "the From header must be the email address of a user")
        return Agent("user", self.sender.id)

    def one(self, name: str) -> str | None:
        """The last value of a query parameter."""
        values = self.query.get(name)
        return values[-1] if values else None

    def many(self, name: str) -> tuple[str, ...]:
        """All values of `name[]`."""
        return (*self.query.get(f"{name}[]", ()), *self.query.get(name, ()))

    def time_ms(self, name: str) -> int | None:
        """A query parameter in ISO 8601 (UTC where it names no zone) as epoch ms."""
        given = self.one(name)
        if given is None:
            return None
        try:
            # A plus sign that was not escaped arrives as a space.
            at = datetime.fromisoformat(given.replace(" ", "+") if "T" in given else given)
        except ValueError as wrong:
            raise RestError(400, 2004, f"'{name}' is not an ISO 8601 time") from wrong
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return int(at.timestamp() * 1000)

    def object(self, name: str) -> Mapping[str, Any]:
        """The wrapped entity of the body: `{"incident": {...}}`."""
        found = self.body.get(name)
        if not isinstance(found, dict):
            raise invalid(f"'{name}' is missing or not an object")
        return found

    def page(self, name: str, found: Sequence[T], draw: Callable[[T], Any]) -> Reply:
        """The page of `found` that the request asks for, drawn."""
        limit, offset = self._number("limit", LIMIT_DEFAULT), self._number("offset", 0)
        limit = min(limit, LIMIT_MAX)
        if limit < 1:
            raise invalid("'limit' must be greater than 0")
        if offset + limit > REACH_MAX:
            raise invalid(f"'offset' + 'limit' must not be over {REACH_MAX}: narrow the query")
        total = len(found) if self.one("total") == "true" else None
        return Reply(
            200,
            {
                name: [draw(item) for item in found[offset : offset + limit]],
                "limit": limit,
                "offset": offset,
                "total": total,
                "more": offset + limit < len(found),
            },
        )

    def _number(self, name: str, default: int) -> int:
        given = self.one(name)
        if given is None:
            return default
        if not (given.isascii() and given.isdigit() and len(given) < 10):
            raise invalid(f"'{name}' must be a whole number from 0 up")
        return int(given)


def text_of(fields: Mapping[str, Any], name: str, length_max: int) -> str:
    """A required text of the body."""
    found = fields.get(name)
    if not isinstance(found, str) or not found.strip():
        raise invalid(f"'{name}' is missing or blank")
    if len(found) > length_max:
        raise invalid(f"'{name}' is too long (maximum is {length_max} characters)")
    return found


def id_of(reference: object, name: str) -> str:
    """The id in a reference such as `{"id": "P1", "type": "user_reference"}`."""
    found = reference.get("id") if isinstance(reference, dict) else None
    if not isinstance(found, str):
        raise invalid(f"'{name}' must be a reference with an 'id'")
    return found
