"""What a figure or a mark of `signals` is called where it is evidence for a person.

Several have one name: by how much each of them is busy is one thing to say.
"""

from __future__ import annotations

from typing import Final

BUSY: Final = "how busy it is"
SEVERE: Final = "severe alerts"
UNUSUAL: Final = "unusual alerts"
NEAR: Final = "unusual alerts where it depends"
INCIDENT: Final = "its last incident"
CHANGE: Final = "its last change"
HOUR: Final = "the hour"

FIGURES: Final = (
    "", *(BUSY,) * 4, *(SEVERE,) * 4, *(BUSY,) * 3, SEVERE, BUSY, SEVERE, *(UNUSUAL,) * 4, BUSY,
    CHANGE, INCIDENT, INCIDENT, HOUR, HOUR, NEAR, NEAR,
)  # fmt: skip
"""The names of the dense figures, in their order; "" is the bias."""

_MARKS: Final = {
    "e": BUSY, "t": BUSY, "s": UNUSUAL, "n": UNUSUAL, "c": UNUSUAL, "f": UNUSUAL, "a": NEAR,
    "i": INCIDENT, "d": CHANGE,
}  # fmt: skip


def of_mark(mark: str) -> str:
    """The name of a mark: what its bin is of, or the rules that fired."""
    kind, text = mark[0], mark[1:]
    if kind == "r":
        return text.removesuffix(",True").removesuffix(",False")
    if kind == "p":
        return text.replace("|", " and ", 1)
    if kind == "q":
        return f"{text} where it depends"
    return _MARKS[kind]
