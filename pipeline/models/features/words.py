"""Words of a text: letters only, lower case, camel case parted; what differs each time is left out.

Digits, and with them most of ids, addresses and figures, separate words; a single letter is none.
"""

from __future__ import annotations

import re
from typing import Final

CHARS_MAX: Final = 1_000
"""More of one text is not read."""

WORDS_MAX: Final = 48
"""Words of one text that count, from its start."""

WORD_CHARS_MAX: Final = 24

_LETTERS: Final = {code: chr(code).lower() if chr(code).isalpha() else " " for code in range(128)}
"""Other scripts pass as they are: a word of theirs is what stands between two ASCII separators."""

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words(text: str) -> list[str]:
    """The words of running text, in order."""
    return [
        word[:WORD_CHARS_MAX]
        for word in text[:CHARS_MAX].translate(_LETTERS).split()[:WORDS_MAX]
        if len(word) > 1
    ]


def words_of_name(name: str) -> list[str]:
    """The words of a name, which may be written in camel case: HighCPULoad is high cpu load."""
    return words(_HUMP.sub(" ", name[:CHARS_MAX]))
