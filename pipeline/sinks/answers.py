"""What an HTTP answer means to every sink that has no rule of its own for it.

A 2xx is a success, 429 limits our rate, and a body that the receiver finds wrong is refused for
ever. All else is tried again, also 401, 403, 404 and redirects: they say that the receiver or
its configuration is wrong, which somebody can set right while the page waits.
"""

from __future__ import annotations

from typing import Final

from pipeline.domain.sink import Delivered, Outcome, Refused, Response, Retry

WHY_SIZE_MAX: Final = 500
"""Characters of the receiver's own words that are kept."""

REFUSING: Final = frozenset({400, 413, 415, 422})

UNTAKEN: Final = frozenset({503})
"""Of the 5xx this one says that nothing was done; after others the call may have been taken."""


def interpret(response: Response, ref: str = "") -> Outcome:
    """The outcome of one answer; `ref` is what a success is known by."""
    status = response.status
    if 200 <= status < 300:
        return Delivered(ref=ref, status=status)
    if status == 0:
        return Retry(why=response.error or "no answer", is_ambiguous=response.is_ambiguous)
    why = f"HTTP {status}: {said(response)}"
    if status in REFUSING:
        return Refused(why=why, status=status)
    return Retry(
        why=why,
        after_s=retry_after_s(response),
        status=status,
        is_ambiguous=status >= 500 and status not in UNTAKEN,
        is_throttled=status == 429,
    )


def said(response: Response) -> str:
    """The receiver's own words, cut and on one line."""
    text = response.body[: 4 * WHY_SIZE_MAX].decode("utf-8", "replace")
    line = " ".join(text.split())[:WHY_SIZE_MAX]
    if 300 <= response.status < 400:
        return "it redirects, and redirects are not followed: set the url to where it leads"
    return line or "no words"


def retry_after_s(response: Response) -> float:
    """The seconds of Retry-After (RFC 9110 §10.2.3), or 0. A date is not read: that would take
    a clock, and the backoff does as well.
    """
    text = response.header("retry-after").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0
