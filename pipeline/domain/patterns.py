r"""Regular expressions of matchers, anchored as Alertmanager does it, and kept from running away.

Alertmanager's own engine (RE2) takes time linear in the text; Python's backtracks. So what could
take more than about a hundredth of a second is refused when it is written, not met when it pages:
look-around and references to groups (RE2 has neither), a repeated group that itself varies in
length (`(a+)+`), more than REPEATS_MAX open repetitions, a pattern over PATTERN_SIZE_MAX. The text
is bounded too: the more open repetitions, the shorter (`_TEXT_SIZE_MAX`). A longer value does not
match, so `=~` is false and `!~` is true of it.
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

_TEXT_SIZE_MAX: Final = (8_192, 4_096, 1_024, 256)
"""Characters of a value that are matched, by the number of open repetitions."""

_REMEMBERED_MAX: Final = 1_000
"""Answers remembered per pattern; at the limit they are forgotten and fill again."""

_SPECIAL: Final = frozenset(r".^$*+?{}[]()\ "[:-1])
_OPEN_REPEAT: Final = re.compile(r"[*+]|\{\d+,\}")
_REPEAT: Final = re.compile(r"[*+?]|\{\d+(?:,\d*)?\}")


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
    """The open repetitions of a pattern. Raises ValueError where the worst case has no bound."""
    repeats, at = 0, 0
    groups: list[bool] = []  # of each open group: whether what it matches may vary in length
    closed_varies = False
    while at < len(pattern):
        step = _step(pattern, at)
        token = pattern[at : at + step]
        if token[0] == "(":
            groups.append(False)
        elif token == ")":
            closed_varies = groups.pop() if groups else False
            if groups and closed_varies:
                groups[-1] = True
        elif token == "|" and groups:
            groups[-1] = True
        found = _REPEAT.match(pattern, at + step) if token[0] not in "(|" else None
        if found:
            is_open = _OPEN_REPEAT.fullmatch(found[0]) is not None
            if token == ")" and closed_varies and found[0] != "?":
                raise ValueError(
                    f"the pattern {pattern!r} repeats, at character {found.start()}, a group "
                    "that itself varies: that can take for ever; write it without the inner "
                    "repetition or alternative, or as several matchers"
                )
            repeats += is_open
            if groups:
                groups[-1] = True
            step += len(found[0])
            if pattern[at + step : at + step + 1] in {"?", "+"}:
                step += 1
        at += step
    if repeats > REPEATS_MAX:
        raise ValueError(
            f"the pattern {pattern!r} has {repeats} open repetitions (*, +, {{n,}}) and "
            f"{REPEATS_MAX} are allowed: write it as several matchers on the same label"
        )
    return repeats


def _step(pattern: str, at: int) -> int:
    """How long the token at a position is: an escape, a class, the head of a group, or 1."""
    if pattern[at] == "\\":
        if pattern[at + 1 : at + 2].isdigit() and pattern[at + 1] != "0":
            raise ValueError(f"the pattern {pattern!r} refers to a group (at {at}): write it out")
        return 2
    if pattern[at] == "[":
        end = at + 2 if pattern[at + 1 : at + 2] == "^" else at + 1
        end += 1  # a bracket that stands first is itself a member
        while end < len(pattern) and pattern[end] != "]":
            end += 2 if pattern[end] == "\\" else 1
        return end + 1 - at
    if pattern[at : at + 2] == "(?":
        head = re.compile(r"\(\?(?:P<\w+>|[ims]*:|[ims]+\))").match(pattern, at)
        if head is None:
            raise ValueError(
                f"the pattern {pattern!r} looks around or refers to a group (at {at}), which "
                "Alertmanager's patterns cannot either: use a second matcher"
            )
        return len(head[0]) - (head[0][-1] == ")")
    return 1
