"""The hint for a misspelt word: the nearest of those that would have been right."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

LISTED_MAX: Final = 12
"""Where nothing is near, the choices are listed if they are no more than so many."""

COMPARED_CHARACTERS_MAX: Final = 60


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean "x"?`; where none is near the list of choices, or nothing if too many."""
    choices = sorted(set(known))
    hint = _nearest(word, choices)
    if hint or not choices or len(choices) > LISTED_MAX:
        return hint
    return f"there are {', '.join(choices)}" if len(choices) > 1 else f"there is {choices[0]}"


def _nearest(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word[:COMPARED_CHARACTERS_MAX], sorted(set(known)), n=1)
    return f'did you mean "{near[0]}"?' if near else ""
