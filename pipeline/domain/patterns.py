r"""Regular expressions of matchers, anchored as Alertmanager does it, and kept from running away.

Alertmanager's engine (RE2) takes time linear in the text; Python's backtracks. So what could take
very long is refused when it is written, not met when it pages: look-around and references to groups
(RE2 has neither), a repeated group that itself varies in length (`(a+)+`), more than REPEATS_MAX
open repetitions or VARIATIONS_MAX others, a pattern over PATTERN_SIZE_MAX. The text is bounded too:
the more open repetitions, the shorter (`_TEXT_SIZE_MAX`). A longer value does not match, so `=~` is
false and `!~` is true of it. `\d`, `\w`, `\s` and `\b` are ASCII, as in RE2.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

PATTERN_SIZE_MAX: Final = 1_024
"""Characters of a pattern that is not a plain list of alternatives."""

ALTERNATIVES_SIZE_MAX: Final = 32_768
"""Characters of a plain list of alternatives (`a|b|c`), which is looked up and never searched."""

REPEATS_MAX: Final = 3
"""`*`, `+` and `{n,}` in one pattern: the exponent of its worst case."""

VARIATIONS_MAX: Final = 24
"""`?`, `|` and `{n,m}` in one pattern: each can double its worst case."""

_TEXT_SIZE_MAX: Final = (8_192, 4_096, 1_024, 256)
"""Characters of a value that are matched, by the number of open repetitions."""

_REMEMBERED_MAX: Final = 1_000
"""Answers remembered per pattern; at the limit they are forgotten and fill again."""

_SPECIAL: Final = frozenset(".^$*+?{}[]()\\")
_REPEAT: Final = re.compile(r"[*+?]|\{(?P<low>\d+)(?P<comma>,(?P<high>\d*))?\}", re.ASCII)
_HEAD: Final = re.compile(r"\(\?(?:P<\w+>|[ims]*:|[ims]+(?=\)))")
_SET_OPERATIONS: Final = frozenset({"--", "&&", "~~", "||"})
_FIXED, _BOUNDED, _OPEN = 0, 1, 2
_SPAN_MAX: Final = 16


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
    repeats = _count_repeats(pattern)
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


def _count_repeats(pattern: str) -> int:
    """The open repetitions of a pattern. Raises ValueError where the worst case is too bad."""
    counts = {_BOUNDED: 0, _OPEN: 0}
    groups: list[int] = []  # how much each group that is open here varies in length
    varies, at = _FIXED, 0
    while at < len(pattern):
        end = at + _step(pattern, at)
        head = pattern[at]
        if head == "(":
            groups.append(_FIXED)
        elif head == "|":
            _vary(groups, counts, _BOUNDED)
        else:
            varies = groups.pop() if head == ")" and groups else _FIXED
            found = _REPEAT.match(pattern, end)
            if found:
                kind = _kind(found)
                if max(varies, kind) == _OPEN and varies and found[0] != "?":
                    raise ValueError(
                        f"the pattern {pattern!r} repeats, at character {end}, a group that "
                        "itself varies: that can take for ever; write it without the inner "
                        "repetition or alternative, or as several matchers"
                    )
                _vary(groups, counts, kind)
                end = found.end() + (pattern[found.end() : found.end() + 1] in {"?", "+"})
            if groups:
                groups[-1] = max(groups[-1], varies)
        at = end
    if counts[_OPEN] > REPEATS_MAX or counts[_BOUNDED] > VARIATIONS_MAX:
        raise ValueError(
            f"the pattern {pattern!r} has {counts[_OPEN]} open repetitions (*, +, {{n,}}) and "
            f"{counts[_BOUNDED]} other variations (?, |, {{n,m}}); {REPEATS_MAX} and "
            f"{VARIATIONS_MAX} are allowed: write it as several matchers on the same label"
        )
    return counts[_OPEN]


def _vary(groups: list[int], counts: dict[int, int], kind: int) -> None:
    if kind != _FIXED:
        counts[kind] += 1
        if groups:
            groups[-1] = max(groups[-1], kind)


def _kind(repeat: re.Match[str]) -> int:
    if repeat[0] in "*+":
        return _OPEN
    if repeat[0] == "?":
        return _BOUNDED
    low = int(repeat["low"])
    if repeat["comma"] is None:
        return _FIXED if low <= _SPAN_MAX else _OPEN
    return _BOUNDED if repeat["high"] and int(repeat["high"]) <= _SPAN_MAX else _OPEN


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
