"""Problem documents (RFC 9457): the one shape of every error that the edge answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from pipeline.domain.errors import Busy, Oversize, StoreError

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:tocsin:problem:"
ERRORS_MAX: Final = 1_000
"""So many errors are listed in one document; a batch may have more."""

_log = structlog.get_logger("tocsin.edge")


class Problem(Exception):
    """An answer other than success. `kind` is a short word for programs, `detail` is for people;
    `errors` name fields, `retry_after_s` becomes the header, `more` are members of its own.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        retry_after_s: float = 0,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.retry_after_s = retry_after_s
        self.more = dict(more or {})

    def document(self) -> dict[str, Any]:
        """The members of the problem document."""
        found: dict[str, Any] = {
            "type": TYPE_PREFIX + self.kind,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            shown = self.errors[:ERRORS_MAX]
            found["errors"] = [{"path": path, "reason": reason} for path, reason in shown]
        return found | self.more

    def response(self) -> Response[bytes]:
        """The document as an answer, with Retry-After in whole seconds where it may help."""
        headers = dict(self.headers)
        if self.retry_after_s:
            headers["retry-after"] = str(math.ceil(self.retry_after_s))
        return Response(
            msgspec.json.encode(self.document()),
            status_code=self.status,
            media_type=MEDIA_TYPE,
            headers=headers,
        )


def busy(error: StoreError) -> Problem:
    """503: nothing was accepted, and when to try again."""
    after_s = error.after_s if isinstance(error, Busy) else 5
    return Problem(503, "busy", f"nothing was accepted: {error}", retry_after_s=after_s)


def not_found(what: str) -> Problem:
    """404 for a thing that is not there, or not the caller's."""
    return Problem(404, "not-found", what)


def invalid(path: str, reason: str) -> Problem:
    """400 for one field; with the path "" for the whole."""
    return Problem(400, "invalid", f"{path}: {reason}" if path else reason, errors=[(path, reason)])


def problem_of(error: Exception) -> Problem:
    """The problem behind any exception; what nobody foresaw is a 500 that tells nothing."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, StoreError):
        return busy(error)
    if isinstance(error, Oversize):
        return Problem(413, "too-large", str(error))
    if isinstance(error, HTTPException) and error.status_code < 500:
        errors = _errors(error.extra) if isinstance(error, ValidationException) else []
        detail = "; ".join(f"{path}: {why}" for path, why in errors) or error.detail
        kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        return Problem(
            error.status_code,
            "invalid" if error.status_code == 400 else kind,
            detail,
            errors=errors,
            headers=error.headers,
        )
    return Problem(500, "internal", "an error of our own; it is in the log of this Tocsin")


def _errors(extra: Any) -> list[tuple[str, str]]:
    if not isinstance(extra, list):
        return []
    return [
        (str(one.get("key", "")), str(one.get("message", "")))
        for one in extra
        if isinstance(one, dict)
    ]


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler: any exception as a problem document."""
    problem = problem_of(error)
    if problem.status == 500:
        _log.error("request failed", path=request.scope.get("path"), exc_info=error)
    return problem.response()


ANSWERS: Final[ExceptionHandlersMap] = {Exception: answer_error}
