"""What all routes of the API share: who asks, which page of a list, which instant, what body."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, ParamSpec, TypeVar

import msgspec
from litestar.di import NamedDependency

from pipeline.domain.deadletter import Rejected
from pipeline.edge.access import Caller
from pipeline.edge.deps import AnyRequest, Edge, TheEdge
from pipeline.edge.problem import Problem, invalid
from pipeline.edge.view import Question
from pipeline.edge.view.questions import LIMIT_MAX
from pipeline.stages.ingest.reading import read

P = ParamSpec("P")
T = TypeVar("T")

LIMIT_DEFAULT: Final = 50
INSTANT_MAX_MS: Final = 253_402_300_799_999
_PAGING: Final = frozenset({"limit", "cursor"})


def caller_of(request: AnyRequest, edge: TheEdge) -> Caller:
    """The caller behind a request, as a dependency of Litestar. Raises Problem 401."""
    return edge.access.caller(request.headers)


TheCaller = NamedDependency[Caller]
"""A parameter `caller: TheCaller` of a route: without it anybody is let in."""


class Asked:
    """The query of one request; a parameter that the route does not know is a mistake, since
    a filter that is silently ignored gives a list of everything.
    """

    def __init__(self, request: AnyRequest, *known: str) -> None:
        self._query = request.query_params
        for name in self._query:
            if name not in known and name not in _PAGING:
                raise invalid(
                    name[:100], f"no such parameter; known: {', '.join((*known, *_PAGING))}"
                )

    def text(self, name: str) -> str:
        """One value; "" where it is absent. Raises Problem 400 where it is given twice."""
        given = self._query.getall(name, [])
        if len(given) > 1:
            raise invalid(name, "given more than once")
        return str(given[0]) if given else ""

    def words(self, name: str, known: tuple[str, ...]) -> tuple[str, ...]:
        """Values given by commas or by repetition, each one of `known`."""
        words = [
            word.strip() for given in self._query.getall(name, []) for word in given.split(",")
        ]
        words = [word for word in words if word]
        for word in words:
            if word not in known:
                raise invalid(name, f"{word[:100]!r} is none of {', '.join(known)}")
        return tuple(dict.fromkeys(words))

    def truth(self, name: str) -> bool | None:
        """true, false, or None where it is absent."""
        (word,) = self.words(name, ("true", "false"))[:1] or ("",)
        return None if not word else word == "true"

    def instant_ms(self, name: str) -> int:
        """RFC 3339 or Unix milliseconds; 0 where it is absent."""
        text = self.text(name)
        return instant_ms(name, text) if text else 0

    @property
    def limit(self) -> int:
        """How many rows: 1 to LIMIT_MAX."""
        text = self.text("limit")
        if not text:
            return LIMIT_DEFAULT
        if not (
            text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= LIMIT_MAX
        ):
            raise invalid("limit", f"{text[:50]!r} is no number from 1 to {LIMIT_MAX}")
        return int(text)

    @property
    def cursor(self) -> str:
        """Where to go on; "" at the beginning."""
        return self.text("cursor")


def instant_ms(path: str, text: str) -> int:
    """Unix milliseconds of an instant: RFC 3339 (UTC without an offset) or milliseconds."""
    if text.isascii() and text.isdigit() and len(text) < 16:
        return _bounded(path, int(text))
    try:
        # A plus sign in a query that nobody escaped arrives as a blank.
        at = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return _bounded(path, round(at.timestamp() * 1000))
    except (ValueError, OverflowError):
        reason = f"{text[:50]!r} is no instant: write RFC 3339, or milliseconds"
        raise invalid(path, reason) from None


def _bounded(path: str, at_ms: int) -> int:
    if not 0 <= at_ms <= INSTANT_MAX_MS:
        raise invalid(path, "must lie between 1970 and 9999")
    return at_ms


async def body_of(request: AnyRequest, decoder: msgspec.json.Decoder[T]) -> T:
    """The body of a request, an absent one as `{}`. Raises Problem 400 that names the field."""
    found = read(decoder, await request.body() or b"{}")
    if isinstance(found, Rejected):
        raise Problem(
            400,
            "invalid",
            f"{found.path}: {found.detail}" if found.path else found.detail,
            errors=[(found.path, found.detail)],
        )
    return found


async def ask(
    edge: Edge,
    question: Question[P, T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Put a question to the view. Raises Problem 400 for a cursor that is not ours."""
    try:
        return await edge.view.ask(question, *args, **kwargs)
    except ValueError as error:
        raise invalid("cursor", str(error)) from None
