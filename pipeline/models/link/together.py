"""How much more often than by chance two words are found in one incident: counted, fading.

Counts are of alerts that joined an incident, against the incident's latest alert. At the limit of
WORDS_MAX or PAIRS_MAX the lighter half is forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from pipeline.domain.model import SnapshotError

WORDS_MAX: Final = 4_096
PAIRS_MAX: Final = 32_768
CHARS_MAX: Final = 200
"""Of a word; what is longer is cut."""

PRIOR: Final = 2.0
"""So many meetings are thought to have been as chance has them."""

_SEPARATOR: Final = "\x1f"


class Together:
    """Words that meet, as names of alerts or services."""

    def __init__(self) -> None:
        self._words: dict[str, float] = {}
        self._pairs: dict[str, float] = {}
        self._total = 0.0

    def learn(self, one: str, other: str) -> None:
        """The two met in one incident."""
        one, other = one[:CHARS_MAX], other[:CHARS_MAX]
        for word in (one, other):
            _add(self._words, word, WORDS_MAX)
        _add(self._pairs, _pair(one, other), PAIRS_MAX)
        self._total += 1.0

    def affinity(self, one: str, other: str) -> float:
        """The logarithm of how many more meetings there were than by chance; 0 where unknown."""
        one, other = one[:CHARS_MAX], other[:CHARS_MAX]
        if self._total <= 0:
            return 0.0
        chance = self._words.get(one, 0.0) * self._words.get(other, 0.0) / (4.0 * self._total)
        chance *= 1.0 if one == other else 2.0
        return math.log((self._pairs.get(_pair(one, other), 0.0) + PRIOR) / (chance + PRIOR))

    def packed(self) -> tuple[float, list[tuple[str, float]], list[tuple[str, float]]]:
        """All counts, in the order in which they came."""
        return self._total, list(self._words.items()), list(self._pairs.items())

    def unpack(
        self,
        total: float,
        words: Sequence[tuple[str, float]],
        pairs: Sequence[tuple[str, float]],
    ) -> None:
        """Take over what `packed` gave. Raises SnapshotError: `content` where it does not fit."""
        if not all(0 <= count < math.inf for _, count in (("", total), *words, *pairs)):
            raise SnapshotError("content", "the snapshot holds counts that can not be")
        self._total, self._words, self._pairs = total, dict(words), dict(pairs)


def _pair(one: str, other: str) -> str:
    return min(one, other) + _SEPARATOR + max(one, other)


def _add(counts: dict[str, float], word: str, most: int) -> None:
    if word not in counts and len(counts) >= most:
        bar = sorted(counts.values())[most // 2]
        kept = {each: count for each, count in counts.items() if count > bar}
        counts.clear()
        counts.update(kept)
    counts[word] = counts.get(word, 0.0) + 1.0
