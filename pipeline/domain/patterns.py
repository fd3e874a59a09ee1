r"""Regular expressions of matchers, anchored as Alertmanager does it, and kept from running away.

Alertmanager's engine (RE2) takes time linear in the text; Python's backtracks. So what could take
very long is refused when it is written, not met when it pages: look-around and references to groups
(RE2 has neither), a repeated group that itself varies in length (`(a+)+`), more than REPEATS_MAX
open repetitions or CHOICES_MAX choices in a row, a pattern over PATTERN_SIZE_MAX. The text is
bounded too: the more open repetitions, the shorter (`_TEXT_SIZE_MAX`). A longer value does not
match, so `=~` is false and `!~` is true of it. The worst that is left takes a tenth of a second,
once per value. `\d`, `\w`, `\s` and `\b` are ASCII, as in RE2.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

PATTERN_SIZE_MAX: Final = 1_024
"""Characters of a pattern that is not a plain list of alternatives."""

ALTERNATIVES_SIZE_MAX: Final = 32_768
"""Characters of a plain list of alternatives (`a|b|c`), which is looked up and never searched."""

REPEATS_MAX: Final = 3
"""`*`, `+` and `{n,}` that follow each other: the exponent of the worst case."""

CHOICES_MAX: Final = (20, 12, 8, 4)
"""Bits of choice by `?`, `|` and `{n,m}`, by the number of open repetitions: each doubles the
worst case."""

_TEXT_SIZE_MAX: Final = (8_192, 4_096, 1_024, 256)
"""Characters of a value that are matched, by the number of open repetitions."""

_REMEMBERED_MAX: Final = 1_000
"""Answers remembered per pattern; at the limit they are forgotten and fill again."""

_SPECIAL: Final = frozenset(".^$*+?{}[]()\\")
_REPEAT: Final = re.compile(r"[*+?]|\{(?!\})(?P<low>\d*)(?P<comma>,(?P<high>\d*))?\}", re.ASCII)
_HEAD: Final = re.compile(r"\(\?(?:P<\w+>|[ims]*:|[ims]+(?=\)))")
_SET_OPERATIONS: Final = frozenset({"--", "&&", "~~", "||"})
_COUNT_MAX: Final = 16
_DEPTH_MAX: Final = 20


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """A function that says whether the whole of a text matches. Raises ValueError saying why."""
    if _SPECIAL.isdisjoint(pattern):
        return _alternatives(pattern)
    if pattern == ".*":
        return lambda text: "\n" not in text
    if pattern == ".+":
        return lambda text: text != "" and "\n" not in text
    if len(pattern) > PATTERN_SIZE_MAX:
        raise ValueError(
            f"the pattern has {len(pattern)} characters and {PATTERN_SIZE_MAX} are allowed: "
            "write several matchers or plain alternatives"
        )
    repeats = _Scale(pattern).weigh()
    try:
        compiled = re.compile(pattern, re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"the pattern {pattern!r} cannot be read: {error}") from error
    return _remembering(compiled, _TEXT_SIZE_MAX[repeats])


def _alternatives(pattern: str) -> Callable[[str], bool]:
    if len(pattern) > ALTERNATIVES_SIZE_MAX:
        raise ValueError(
            f"the alternatives have {len(pattern)} characters and {ALTERNATIVES_SIZE_MAX} "
            "are allowed: give what they share a label of its own"
        )
    return frozenset(pattern.split("|")).__contains__


def _remembering(compiled: re.Pattern[str], text_size_max: int) -> Callable[[str], bool]:
    known: dict[str, bool] = {}

    def accepts(text: str) -> bool:
        answer = known.get(text)
        if answer is None:
            if len(known) >= _REMEMBERED_MAX:
                known.clear()
            answer = len(text) <= text_size_max and compiled.fullmatch(text) is not None
            known[text] = answer
        return answer

    return accepts


class _Weight(NamedTuple):
    """How much what a piece matches may vary: open repetitions, and other choices in bits."""

    repeats: int
    choices: int


class _Scale:
    """Weighs a pattern by its own grammar: what follows adds up, the worst alternative counts."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0

    def weigh(self) -> int:
        """The open repetitions of the pattern. Raises ValueError where it weighs too much."""
        repeats, choices = self._alternatives()
        if repeats > REPEATS_MAX or choices > CHOICES_MAX[repeats]:
            raise self._error(
                f"has {repeats} open repetitions (*, +, {{n,}}) and {choices} other choices "
                f"(?, |, {{n,m}}) in a row; {REPEATS_MAX} are allowed, and with so many "
                f"{CHOICES_MAX[min(repeats, REPEATS_MAX)]} choices",
                "write it as several matchers on the same label",
            )
        return repeats

    def _alternatives(self) -> _Weight:
        branches = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            branches.append(self._sequence())
        return _Weight(
            max(branch.repeats for branch in branches),
            max(branch.choices for branch in branches) + (len(branches) - 1).bit_length(),
        )

    def _sequence(self) -> _Weight:
        repeats = choices = 0
        while self._peek() not in {"", "|", ")"}:
            piece = self._repeated(self._piece())
            repeats += piece.repeats
            choices += piece.choices
        return _Weight(repeats, choices)

    def _piece(self) -> _Weight:
        is_group = self._peek() == "("
        self._at += _step(self._pattern, self._at)
        if not is_group:
            return _Weight(0, 0)
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise self._error(f"nests more than {_DEPTH_MAX} groups", "write it flatter")
        inner = self._alternatives()
        self._depth -= 1
        self._at += 1  # the closing bracket; that it is missing is for `re` to say
        return inner

    def _repeated(self, piece: _Weight) -> _Weight:
        found = _REPEAT.match(self._pattern, self._at)
        if found is None:
            return piece
        self._at = found.end() + (self._pattern[found.end() : found.end() + 1] in {"?", "+"})
        if found[0] == "?":
            return _Weight(piece.repeats, piece.choices + 1)
        low, high = int(found["low"] or 0), int(found["high"] or found["low"] or 0)
        is_open = found[0] in "*+" or (found["comma"] is not None and not found["high"])
        is_long = is_open or high > _COUNT_MAX
        if piece.repeats or (piece.choices and is_long):
            raise self._error(
                f"repeats, at character {found.start()}, a group that itself varies",
                "that can take for ever: write it without the inner repetition or alternative, "
                "or as several matchers",
            )
        if is_long and (is_open or high != low):
            return _Weight(1, 0)
        return _Weight(0, piece.choices * high + (high - low).bit_length())

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _error(self, what: str, hint: str) -> ValueError:
        return ValueError(f"the pattern {self._pattern!r} {what}; {hint}")


def _step(pattern: str, at: int) -> int:
    """How long the token at a position is: an escape, a class, the head of a group, or 1."""
    if pattern[at] == "\\":
        if pattern[at + 1 : at + 2].isdigit() and pattern[at + 1] != "0":
            raise ValueError(f"the pattern {pattern!r} refers to a group (at {at}): write it out")
        return 2
    if pattern[at] == "[":
        end = at + 2 if pattern[at + 1 : at + 2] == "^" else at + 1
        first = end
        while end < len(pattern) and (pattern[end] != "]" or end == first):
            if pattern[end] == "[" or pattern[end : end + 2] in _SET_OPERATIONS:
                raise ValueError(
                    f"the pattern {pattern!r} nests a class (at {end}), as [[:alpha:]] does: "
                    "write its members out, and a bracket as \\["
                )
            end += 2 if pattern[end] == "\\" else 1
        return end + 1 - at
    if pattern[at : at + 2] == "(?":
        head = _HEAD.match(pattern, at)
        if head is None:
            raise ValueError(
                f"the pattern {pattern!r} looks around or refers to a group (at {at}), which "
                "Alertmanager's patterns cannot either: use a second matcher"
            )
        return len(head[0])
    return 1
