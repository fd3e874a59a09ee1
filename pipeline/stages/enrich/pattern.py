"""Extraction patterns: named groups of a regular expression, kept from running away.

Python's engine backtracks, so the pattern is checked as matchers are (domain/patterns.py refuses
repeated groups that vary, look-around, more than three open repetitions), and the fewer open
repetitions it has, the more of a text is looked at: its worst case is their power.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from pipeline.domain.patterns import compile_pattern

_CHARS_MAX: Final = (8_192, 4_096, 1_024, 256)
"""Characters of a text that are looked at, by the number of repetitions in the pattern."""

_REPETITION: Final = re.compile(r"[*+{]")


class Pattern(Struct, frozen=True):
    """A compiled extraction pattern and its group names."""

    compiled: re.Pattern[str]
    names: tuple[str, ...]
    chars_max: int

    def extract(self, text: str) -> dict[str, str]:
        """The named groups that took part, or nothing where the text does not match."""
        found = self.compiled.fullmatch(text[: self.chars_max])
        if found is None:
            return {}
        return {name: value for name, value in found.groupdict().items() if value}


def compile_extraction(text: str) -> Pattern:
    """Compile a pattern. Raises ValueError where it names no group or could take very long."""
    compile_pattern(text)
    compiled = re.compile(text, re.ASCII | re.DOTALL)
    if not compiled.groupindex:
        raise ValueError(f"the pattern {text!r} names no group: write (?P<host>...)")
    repetitions = len(_REPETITION.findall(text))
    chars_max = _CHARS_MAX[min(repetitions, len(_CHARS_MAX) - 1)]
    return Pattern(compiled, tuple(compiled.groupindex), chars_max)
