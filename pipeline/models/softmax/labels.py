"""The labels of one head and the columns they hold, in the order in which they were first seen.

A head has a fixed number of columns. When all are taken, a new label gets the column of the label
that was learned least of late, and that one is forgotten; counts are halved every FADE_EVERY
outcomes, so a label that is no longer used makes room, and a flood of labels seen once contends
for one column only.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

FADE_EVERY: Final = 10_000


class Labels(Struct):
    """The labels of one head by column, their columns, and their outcomes, faded."""

    columns_max: int
    names: list[str] = field(default_factory=list)
    columns: dict[str, int] = field(default_factory=dict)
    counts: list[float] = field(default_factory=list)
    outcomes_count: int = 0
    forgotten_count: int = 0

    def admit(self, label: str) -> tuple[int, bool]:
        """The column for an unknown label, and whether another's memory must be erased there."""
        is_full = len(self.names) >= self.columns_max
        if is_full:
            at = self.counts.index(min(self.counts))
            del self.columns[self.names[at]]
            self.names[at], self.counts[at] = label, 0.0
            self.forgotten_count += 1
        else:
            at = len(self.names)
            self.names.append(label)
            self.counts.append(0.0)
        self.columns[label] = at
        return at, is_full

    def fade(self) -> None:
        """Halve the counts, so that what was learned long ago weighs less than of late."""
        self.counts = [each * 0.5 for each in self.counts]
