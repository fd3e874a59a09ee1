"""Secret: a value that no repr, format, log or encoder shows."""

from __future__ import annotations

from typing import Final

MASK: Final = "••••"


class Secret:
    """Holds a secret text; `reveal()` is the one way to it, at the place that sends it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Never log it, never put it into an error."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is not to be pickled or copied out")
