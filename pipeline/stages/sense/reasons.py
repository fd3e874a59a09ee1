"""The reasons of `sense`."""

from __future__ import annotations

from typing import Final

from pipeline.domain.reason import Reason

MANY: Final = Reason(
    "sense.many",
    "unusually many: {value} alerts {series} began within {window}; {expected} were to be"
    " expected, up to {high} are usual",
)
VALUE: Final = Reason(
    "sense.value",
    "unusual: {series} is {value}; {expected} was to be expected, {low} to {high} is usual",
)
FULL: Final = Reason(
    "sense.full",
    "no more than {most} series of a scope are followed: not {series}",
    is_audited=False,
)
CROWDED: Final = Reason("sense.crowded", "enough values of this window are known", is_audited=False)
FORGOTTEN: Final = Reason(
    "sense.forgotten", "a series that is quiet is forgotten", is_audited=False
)
PRECEDED: Final = Reason(
    "sense.preceded", "{effect} is usually preceded by {cause}, {usual} before; {now}"
)
GRAPH: Final = Reason("sense.graph", "a graph of what precedes what has changed", is_audited=False)
